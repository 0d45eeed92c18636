package api

import (
	"context"
	"io/fs"
	"net"
	"net/url"
	"time"

	"github.com/google/uuid"

	"order-service/order"
	"order-service/tracing"
)

// Deps is what the handlers call. Everything is required except Sandbox, which
// belongs to Config.Sandbox, and Line, without which nobody is told a place.
type Deps struct {
	Gate     Gate
	GateSync GateSync
	Intake   Intake
	Orders   Orders
	Products Products
	Payments Payments
	Saga     Saga
	Hub      Hub
	Sandbox  Sandbox
	Checks   []Check
	Board    Board
	Line     Line

	Meter       Meter           // may be nil
	IntakeMeter IntakeMeter     // may be nil
	Tracer      *tracing.Tracer // may be nil
}

// Gate knows what is free right now, of the products that it has.
type Gate interface {
	Stocks(ctx context.Context, productIDs ...string) (map[string]order.GateStock, error)
}

// GateSync brings a product that was just written to the gate at once.
type GateSync interface {
	Now(context.Context, order.Product) error
}

// Intake accepts orders. The id it returns is that of a committed order; the
// codes are those of POST /orders, and its time is bounded.
type Intake interface {
	// Refusal is what any request would be answered with at once, nil while
	// there is room for one.
	Refusal() error
	Accept(context.Context, order.Request) (uuid.UUID, error)
}

// Orders reads orders, newest first. Order bounds its own time. The error of
// Order and History has CodeOrderNotFound when there is none. What else is
// counted on, of Products and Payments too, apitest says.
type Orders interface {
	Order(context.Context, uuid.UUID) (order.Order, error)
	// List skips the orders from before on, unless it is uuid.Nil; status "" is any.
	// The next page begins before next, unless that is uuid.Nil; a page may be short,
	// or empty, and not the last.
	List(ctx context.Context, userID string, status order.Status, before uuid.UUID, limit int) (orders []order.Order, next uuid.UUID, err error)
	// History returns what came after a seq, oldest first.
	History(ctx context.Context, id uuid.UUID, after int64) ([]order.ProgressEvent, error)
	// Recent returns open orders and those changed since.
	Recent(ctx context.Context, userID string, since time.Time, limit int) ([]order.Order, error)
	// Restore puts back an accepted order that was lost, as PENDING. One that is
	// there stays as it is.
	Restore(ctx context.Context, accepted order.Order) error
}

// Products reads and, for administrators, writes products. Errors:
// CodeProductNotFound, CodeStockBelowSold, CodeIdempotencyMismatch,
// CodeOutcomeUnknown.
type Products interface {
	Product(ctx context.Context, id string) (order.Product, error)
	Products(context.Context) ([]order.Product, error)
	// PutProduct writes if allowed returns nil, given the product as it stands,
	// nil where there is none, and as it stays until it is written.
	PutProduct(ctx context.Context, p order.Product, allowed func(now *order.Product) error) (order.Product, error)
	Restock(ctx context.Context, productID string, quantity int64, key string) (order.Product, error)
}

// Payments records what the provider reports, and returns the payment as it is
// then: one that exists already wins, unless it is DECLINED or a MISMATCH.
// Under another order it is CodeConflict. CodeNotFound is a payment's; its order
// need not be there.
type Payments interface {
	RecordPayment(context.Context, order.Payment) (order.Payment, error)
	Payment(ctx context.Context, id string) (order.Payment, error)
}

// Saga tells an order's workflow what happened. CodeConflict means that the
// workflow has ended; any other error, that it could not be reached.
type Saga interface {
	Cancel(context.Context, order.Order) error
	PaymentReceived(context.Context, order.Order, order.Payment) error
	// Remind tells the order's workflow once more of a payment that has confirmed the
	// order. CodeConflict: it has ended.
	Remind(context.Context, order.Payment) error
	PaymentDeclined(ctx context.Context, o order.Order, paymentID, reason string) error
	Refund(context.Context, order.Payment) error
	// Recall returns an order as it was accepted, for a database that has lost it.
	// Its status is PENDING, or how its workflow has ended it. CodeOrderNotFound: no
	// workflow is known.
	Recall(context.Context, uuid.UUID) (order.Order, error)
}

// Hub fans progress out to streams and long polls. Join errors:
// CodeTooManyStreams, CodeUnavailable when the process is stopping.
type Hub interface {
	JoinOrder(id uuid.UUID, userID string) (Stream, error)
	JoinUser(userID string) (Stream, error)
	// Watch signals changes of one order until the function is called. It may
	// skip events, never the latest.
	Watch(id uuid.UUID) (<-chan order.ProgressEvent, func())
}

// Stream has joined the hub and keeps live events until it is served or left.
type Stream interface {
	// Serve takes over conn, whose response header has been written, and
	// returns when the stream has ended.
	Serve(net.Conn, Opening)
	// Leave gives up a stream that is not served.
	Leave()
}

// Opening is what a stream sends before live events.
type Opening struct {
	Events    []order.ProgressEvent // a snapshot, or what the client missed
	After     int64                 // the seq that an order stream's client has already; 0: none
	Reset     bool                  // the client's Last-Event-ID made no sense
	ExpiresAt time.Time             // of the token; the stream ends then
	// Resnapshot reads a fresh snapshot, after events may have been lost.
	Resnapshot func(context.Context) ([]order.ProgressEvent, error)
}

// Board is the sale board. Everybody may have its page; what it streams is for
// administrators.
type Board interface {
	Files() fs.FS // of its page, each under its path
	// Admit refuses a watcher: CodeTooManyStreams, CodeUnavailable when the
	// process is stopping.
	Admit() error
	// Serve takes over conn, whose response header has been written, and
	// returns when the stream has ended, which it does by expires.
	Serve(conn net.Conn, expires time.Time)
}

// Sandbox checks the signed link to the demo payment page and returns the
// payment it asks for. Errors: CodeBadSignature or CodeValidation.
type Sandbox interface {
	Verify(url.Values) (order.Payment, error)
}

// Check is one line of /readyz. When a required one fails the process is not
// ready; another's failure only degrades it.
type Check struct {
	Name     string
	Required bool
	Ping     func(context.Context) error
}
