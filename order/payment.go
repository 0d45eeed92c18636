package order

import (
	"time"

	"github.com/google/uuid"
)

// PaymentState is what became of one payment.
type PaymentState string

// The payment states. APPLIED and REFUNDED are ends; a DECLINED payment may
// still be received, and a MISMATCH, of which no report has fitted yet, may be
// received or declined.
const (
	PaymentReceived  PaymentState = "RECEIVED"
	PaymentApplied   PaymentState = "APPLIED"
	PaymentRefused   PaymentState = "DECLINED"
	PaymentMismatch  PaymentState = "MISMATCH"
	PaymentRefunding PaymentState = "REFUNDING"
	PaymentRefunded  PaymentState = "REFUNDED"
)

// Payment is money the provider says it received, or declined, for an order.
type Payment struct {
	ID         string // the provider's id
	OrderID    uuid.UUID
	Money      Money
	State      PaymentState
	ReceivedAt time.Time
}

// Free reports whether o costs nothing, so that there is no payment to wait for.
func (o Order) Free() bool { return o.Amount == 0 }

// MaxPaymentID bounds the provider's payment id in bytes.
const MaxPaymentID = 200

// ValidPaymentID reports whether id is 1 to 200 printable ASCII characters
// without spaces: it becomes part of a workflow id and of log lines.
func ValidPaymentID(id string) bool {
	if id == "" || len(id) > MaxPaymentID {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
