package saga

import (
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"

	"order-service/order"
)

// Signals to OrderWorkflow, with their payloads.
const (
	paymentReceivedSignal = "payment-received" // order.Payment
	paymentDeclinedSignal = "payment-declined" // Decline
)

// paymentReport is an update of OrderWorkflow with the meaning and the payload of
// paymentReceivedSignal.
const paymentReport = "payment-report"

// refundMeanwhileChange is the change id of refunds that do not wait for the
// release of the stock: histories without it leave payments that come during
// the release to the end of the workflow.
const refundMeanwhileChange = "refund-meanwhile"

// freeOrderChange is the change id of orders that cost nothing and are confirmed
// without the provider: in histories without it the buyer pays 0.
const freeOrderChange = "free-order"

// namedDeclineChange is the change id of declines that count for the payment
// which they name: in histories without it any decline ends the order.
const namedDeclineChange = "named-decline"

// Input starts an OrderWorkflow. The payment window travels in it so that a
// change of configuration leaves orders that run already as they are. So does
// the order as it was accepted: a database that is put back to a state of before
// it, or fails over to a standby without it, does not know it any more.
type Input struct {
	OrderID        uuid.UUID
	PaymentTimeout time.Duration
	Accepted       *order.ReservationEvent `json:",omitempty"` // nil in histories of old

	// Again says that the order may have had a saga before, and money been given
	// back that the database has forgotten.
	Again bool `json:",omitempty"`
}

// accepted is what the saga knows of its order before it has read it.
func (in Input) accepted() order.Order {
	if in.Accepted == nil {
		return order.Order{ID: in.OrderID}
	}
	return in.Accepted.Order()
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

// refundOf is the same for a payment whoever starts its refund: a provider may
// refuse an idempotency key that comes back with another request.
func refundOf(p order.Payment) Refund {
	return Refund{Payment: p, Reason: "not applied to order " + p.OrderID.String()}
}

// reuse lets a workflow that failed or was terminated be started again, or its
// order would never end and its payment never be given back. One that completed
// or still runs is not started again: it is the same one.
const reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY

const orderWorkflowPrefix = "order-"

func orderWorkflowID(id uuid.UUID) string { return orderWorkflowPrefix + id.String() }

func refundWorkflowID(paymentID string) string { return "refund-" + paymentID }
