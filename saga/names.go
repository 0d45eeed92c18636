package saga

import (
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// Signals to OrderWorkflow, with their payloads.
const (
	paymentReceivedSignal = "payment-received" // order.Payment
	paymentDeclinedSignal = "payment-declined" // Decline
)

// Input starts an OrderWorkflow. The payment window travels in it so that a
// change of configuration leaves orders that run already as they are.
type Input struct {
	OrderID        uuid.UUID
	PaymentTimeout time.Duration
}

// Decline says that the provider declined a payment.
type Decline struct {
	PaymentID string
	Reason    string // the provider's words, for people
}

// Refund starts a RefundWorkflow.
type Refund struct {
	Payment order.Payment
	Reason  string // passed on to the provider
}

func orderWorkflowID(id uuid.UUID) string { return "order-" + id.String() }

func refundWorkflowID(paymentID string) string { return "refund-" + paymentID }
