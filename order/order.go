package order

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Bounds of what one order may ask for.
const (
	MaxQuantity       = 1_000
	MaxProductID      = 64
	MaxIdempotencyKey = 255
)

// Order is one buyer's order of one product. Times are UTC; a zero time means
// that there is none.
type Order struct {
	ID        uuid.UUID // UUIDv7, so ids sort by creation
	UserID    string
	ProductID string
	Quantity  int
	UnitPrice int64 // minor units
	Amount    int64 // minor units, UnitPrice × Quantity
	Currency  string

	Status        Status
	Seq           int64 // 1 when PENDING, +1 with every change of status
	PaymentID     string
	PaymentURL    string
	FailureReason Reason
	ExpiresAt     time.Time // end of the payment window, once PAYMENT_PENDING
	CreatedAt     time.Time
	UpdatedAt     time.Time

	// Traceparent is the W3C trace context under which the order was placed;
	// empty unless it is traced. A workflow has its own, so histories do without.
	Traceparent string `json:"-"`
}

// Total is the order's amount with its currency.
func (o Order) Total() Money { return Money{Amount: o.Amount, Currency: o.Currency} }

// Request is what a buyer asks for: the validated body of POST /orders and its
// Idempotency-Key.
type Request struct {
	UserID    string
	ProductID string
	Quantity  int
	UnitPrice *int64 // the price the buyer saw, minor units; nil accepts the current one
	Key       string // Idempotency-Key; empty when the request has none

	Traceparent string // W3C trace context; empty unless the order is traced
}

// Hash identifies the body under an Idempotency-Key: equal requests have equal
// hashes whatever the spacing or order of their JSON.
func (r Request) Hash() []byte {
	price := "-"
	if r.UnitPrice != nil {
		price = fmt.Sprint(*r.UnitPrice)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", r.ProductID, r.Quantity, price))
	return sum[:]
}

// Validate returns an Error with CodeValidation naming every bad field, or nil.
func (r Request) Validate() error {
	var fields []FieldError
	if !ValidProductID(r.ProductID) {
		fields = append(fields, FieldError{"productId", "must be 1 to 64 letters, digits, '.', '_' or '-'"})
	}
	if r.Quantity < 1 || r.Quantity > MaxQuantity {
		fields = append(fields, FieldError{"quantity", "must be from 1 to 1000"})
	}
	if r.UnitPrice != nil && *r.UnitPrice < 0 {
		fields = append(fields, FieldError{"unitPrice", "must not be negative"})
	}
	if len(fields) > 0 {
		return &Error{Code: CodeValidation, Message: "The order is not valid.", Fields: fields}
	}
	return nil
}

// ValidProductID reports whether id matches [A-Za-z0-9._-]{1,64}.
func ValidProductID(id string) bool {
	if id == "" || len(id) > MaxProductID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// Intent is an order on its way into the store, which gives it its first state,
// with the idempotency key and body hash that make a retry recognisable.
type Intent struct {
	Order
	Key  string // empty when the request had no Idempotency-Key
	Hash []byte // Request.Hash; set when Key is
}

// KeyOwner names an Idempotency-Key: keys of different users are different.
type KeyOwner struct {
	UserID, Key string
	OrderID     uuid.UUID // that the key is known to stand for; may be zero
}

// Accepted is the store's answer for one Intent or one looked-up key: the id
// under which the order exists. When it differs from the Intent's id, an
// earlier request with the same key owns the order.
type Accepted struct {
	OrderID uuid.UUID
	Hash    []byte // hash stored with the key; nil when the order has no key
}

// OutboxBatch is one outbox row and the orders it stands for: what one commit
// of the intake accepted and what the relay has yet to publish.
type OutboxBatch struct {
	ID     int64
	Orders []Order
}
