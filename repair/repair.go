package repair

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"order-service/order"
)

// atOnce is how many orders or payments are looked at together.
const atOnce = 16

// Store finds what may have been left.
type Store interface {
	// OpenOrders returns up to limit open orders that were placed until then and
	// have not changed for age or longer, from behind the order after, which is the
	// last of the page before, or zero.
	OpenOrders(ctx context.Context, age time.Duration, until time.Time, after order.Order, limit int) ([]order.Order, error)
	// UnfinishedPayments does the same for payments that were received or are
	// being refunded, from behind the id after.
	UnfinishedPayments(ctx context.Context, age time.Duration, after string, limit int) ([]order.Payment, error)
	// Order returns an order as it is now; CodeOrderNotFound: there is none.
	Order(ctx context.Context, id uuid.UUID) (order.Order, error)
	// Payment returns a payment as it is now; CodeNotFound: there is none.
	Payment(ctx context.Context, id string) (order.Payment, error)
	// RestorePayment puts back, in p.State, a payment that the database has lost.
	// One that is there stays as it is.
	RestorePayment(ctx context.Context, p order.Payment) error
	// Products returns all of them.
	Products(ctx context.Context) ([]order.Product, error)
}

// Saga drives on what was found. Each of its calls may be repeated.
type Saga interface {
	// Running reports whether a workflow drives the order now.
	Running(ctx context.Context, orderID uuid.UUID) (bool, error)
	// Refunding reports whether a workflow refunds the payment now.
	Refunding(ctx context.Context, paymentID string) (bool, error)
	// RefundBegun reports whether a workflow refunds the payment now, or ever did.
	RefundBegun(ctx context.Context, paymentID string) (bool, error)
	// Told returns the payments that the order's latest workflow was told of.
	Told(ctx context.Context, orderID uuid.UUID) ([]order.Payment, error)
	// Restart begins the order's workflow whatever became of an earlier one, and
	// tells it of p, unless that has no id, as it begins.
	Restart(ctx context.Context, o order.Order, p order.Payment) error
	// PaymentReceived tells the order's workflow of a payment.
	PaymentReceived(ctx context.Context, o order.Order, p order.Payment) error
	// RestartRefund has a payment given back, unless it is applied or refunded,
	// whatever became of an earlier refund.
	RestartRefund(ctx context.Context, p order.Payment) error
}

// Gate takes a product's ledger as it is in the store.
type Gate interface {
	Now(context.Context, order.Product) error
}

// Meter counts what was driven on.
type Meter interface {
	OrderRestarted()
	PaymentToldAgain()
	RefundStarted()
}

// unmetered stands in for a Meter that nobody gave.
type unmetered struct{}

func (unmetered) OrderRestarted()   {}
func (unmetered) PaymentToldAgain() {}
func (unmetered) RefundStarted()    {}

// Repair drives on what was left behind.
type Repair struct {
	store Store
	saga  Saga
	meter Meter
	say   func(format string, args ...any)
}

// New returns a Repair that tells say, one at a time, of each thing it has
// started, and counts it by meter, which may be nil.
func New(s Store, workflows Saga, meter Meter, say func(format string, args ...any)) *Repair {
	if meter == nil {
		meter = unmetered{}
	}
	var mu sync.Mutex
	return &Repair{store: s, saga: workflows, meter: meter, say: func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		say(format, args...)
	}}
}

// order starts o's workflow if it has none, and reports whether it did.
func (r *Repair) order(ctx context.Context, o order.Order) (bool, error) {
	running, err := r.saga.Running(ctx, o.ID)
	if err != nil || running {
		return false, err
	}
	// Read again: a workflow that ended since the page was read left it final.
	if o, err = r.store.Order(ctx, o.ID); err != nil || o.Status.Final() {
		return false, err
	}
	paid, err := r.remember(ctx, o)
	if err != nil {
		return false, err
	}
	if err := r.saga.Restart(ctx, o, paid); err != nil {
		return false, err
	}
	r.meter.OrderRestarted()
	r.say("order %s, %s: no workflow ran for it; started", o.ID, o.Status)
	return true, nil
}

// remember puts back the payments that o's last workflow was told of, where the
// database has lost them with what became of o: the provider was answered, and
// reports them no more. One of which a refund has begun is put back as on its way:
// the refund may have found it applied, and given nothing back. It returns the first
// of the others, if any: the next workflow has to know of it, or after one more
// failover nobody would.
func (r *Repair) remember(ctx context.Context, o order.Order) (paid order.Payment, err error) {
	told, err := r.saga.Told(ctx, o.ID)
	if err != nil {
		return paid, err
	}
	for _, p := range told {
		begun, err := r.saga.RefundBegun(ctx, p.ID)
		if err != nil {
			return paid, err
		}
		p.State = order.PaymentReceived
		if begun {
			p.State = order.PaymentRefunding
		}
		if err := r.store.RestorePayment(ctx, p); err != nil {
			return paid, err
		}
		if paid.ID == "" && !begun {
			paid = p
		}
	}
	return paid, nil
}

// payment hands p to its order, or to a refund when the order is final or not
// there, and reports whether it did. An order that has the payment already
// ignores it.
func (r *Repair) payment(ctx context.Context, p order.Payment) (bool, error) {
	o, err := r.store.Order(ctx, p.OrderID)
	if order.CodeOf(err) == order.CodeOrderNotFound { // the database has lost it, and nobody restored it
		return r.refund(ctx, p, "which is lost")
	}
	if err != nil {
		return false, err
	}
	if p.State != order.PaymentReceived || o.Status.Final() {
		return r.refund(ctx, p, string(o.Status))
	}
	// The database may have lost that the order had ended and the money gone back.
	begun, err := r.saga.RefundBegun(ctx, p.ID)
	switch {
	case err != nil:
		return false, err
	case begun:
		return r.refund(ctx, p, string(o.Status))
	}
	return r.passOn(ctx, o, p)
}

// passOn also starts the order's workflow where that has completed, and the turn
// of the order is still to come.
func (r *Repair) passOn(ctx context.Context, o order.Order, p order.Payment) (bool, error) {
	err := r.saga.PaymentReceived(ctx, o, p)
	if order.CodeOf(err) == order.CodeConflict {
		if _, err = r.order(ctx, o); err == nil {
			err = r.saga.PaymentReceived(ctx, o, p)
		}
	}
	if err != nil {
		return false, err
	}
	r.meter.PaymentToldAgain()
	r.say("payment %s: passed on to order %s, %s", p.ID, o.ID, o.Status)
	return true, nil
}

// refund has p given back unless that is under way.
func (r *Repair) refund(ctx context.Context, p order.Payment, standing string) (bool, error) {
	refunding, err := r.saga.Refunding(ctx, p.ID)
	if err != nil || refunding {
		return false, err
	}
	// Read again, after its order was: it may have been applied since the page was read.
	if p, err = r.store.Payment(ctx, p.ID); err != nil || p.State != order.PaymentReceived && p.State != order.PaymentRefunding {
		return false, err
	}
	if err := r.saga.RestartRefund(ctx, p); err != nil {
		return false, err
	}
	r.meter.RefundStarted()
	r.say("payment %s of order %s, %s: refund started", p.ID, p.OrderID, standing)
	return true, nil
}

// each runs do for all items, some at once. What fails stops none of the
// others: the error says how many failed and why the first did.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	var (
		mu     sync.Mutex
		first  error
		failed int
	)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, item := range items {
		group.Go(func() error {
			if err := do(ctx, item); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
				first = cmp.Or(first, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d failed, the first: %w", failed, len(items), first)
}
