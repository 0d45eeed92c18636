package saga

import (
	"context"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// Orders moves orders; each move is one idempotent transaction. The methods
// return order.Errors, of which refusal lists those that the workflow answers.
type Orders interface {
	// Order returns CodeOrderNotFound for an unknown id.
	Order(ctx context.Context, id uuid.UUID) (order.Order, error)
	// History returns the changes with a greater seq than after, in order.
	History(ctx context.Context, id uuid.UUID, after int64) ([]order.ProgressEvent, error)
	Reserve(ctx context.Context, id uuid.UUID) (order.Change, error)
	RequestPayment(ctx context.Context, id uuid.UUID, paymentID, url string, expiresAt time.Time) (order.Change, error)
	Confirm(ctx context.Context, id uuid.UUID, paymentID string) (order.Change, error)
	// Finish sets FAILED or CANCELLED and releases the stock. An order that was to
	// fail for want of a payment which has come stays: see Change.Paid.
	Finish(ctx context.Context, id uuid.UUID, to order.Status, reason order.Reason) (order.Change, error)
	// Restore puts back an accepted order that the database has lost, as PENDING.
	// One that is there stays as it is.
	Restore(ctx context.Context, accepted order.Order) error
}

// Payments moves payments by compare-and-set; false means that the payment is
// in none of the states from. An unknown payment is CodeNotFound.
type Payments interface {
	// RecordPayment records a payment that is not known yet.
	RecordPayment(ctx context.Context, p order.Payment) (order.Payment, error)
	// RestorePayment puts back, in p.State, a payment that the database has lost.
	// One that is there stays as it is.
	RestorePayment(ctx context.Context, p order.Payment) error
	// RecordRefund notes a payment that the provider has paid back and that is kept,
	// and returns its state.
	RecordRefund(ctx context.Context, id string) (order.PaymentState, error)
	MovePayment(ctx context.Context, id string, from []order.PaymentState, to order.PaymentState) (bool, error)
}

// Publisher publishes a change of status and returns when it is acknowledged.
type Publisher interface {
	PublishProgress(ctx context.Context, e order.ProgressEvent) error
}

// Gate is told the ledger after a move.
type Gate interface {
	Settle(ctx context.Context, orderID uuid.UUID, st order.Stock) error
}

// Provider takes and returns money. Its calls are idempotent: Initiate and Try
// by the order's id, Refund by the payment's. They wait for their turn, except
// Try, which is brief and gives up at once where it would have to.
type Provider interface {
	Try(ctx context.Context, o order.Order) (paymentID, link string, err error)
	Initiate(ctx context.Context, o order.Order) (paymentID, link string, err error)
	Refund(ctx context.Context, p order.Payment, reason string) error
}

// refunds tells of what Temporal knows and a database that was put back does not:
// whether a workflow refunds a payment, or ever did.
type refunds interface {
	RefundBegun(ctx context.Context, paymentID string) (bool, error)
}

// Deps is what the activities work on.
type Deps struct {
	Orders    Orders
	Payments  Payments
	Publisher Publisher
	Gate      Gate
	Provider  Provider

	// Step is told of every attempt at an activity: done, refused, retried or
	// failed. It must not block. May be nil.
	Step func(activity, result string, took time.Duration)
}
