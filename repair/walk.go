package repair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// The two ways to go through everything there is.
const (
	// commandAge is how long an order or a payment must have been left alone
	// before --repair takes it up: younger ones are in somebody's hands.
	commandAge = 30 * time.Second
	// upkeepAge is more: an order in a long line waits without anybody's fault,
	// though to begin it early does no harm.
	upkeepAge = 2 * time.Minute

	upkeepEvery = time.Minute
	page        = 500 // a minute's look-ups are a small share of what Temporal can answer
)

// walk is how far one goes through open orders and unfinished payments.
type walk struct {
	*Repair
	age     time.Duration
	order   order.Order // the last that was looked at
	begun   time.Time   // with the first of them: of a product that sells, new ones come faster than pages
	payment string
	pauses  *pauses
}

// orders looks at the next page and reports how many orders that were. Behind
// the last it begins anew.
func (w *walk) orders(ctx context.Context) (int, error) {
	if w.order.ID == uuid.Nil {
		w.begun = time.Now()
	}
	open, err := w.store.OpenOrders(ctx, w.age, w.begun, w.order, page)
	if err != nil {
		return 0, fmt.Errorf("find open orders: %w", err)
	}
	w.order = order.Order{}
	if len(open) == page {
		w.order = open[page-1]
	}
	return len(open), each(ctx, open, func(ctx context.Context, o order.Order) error {
		return w.pauses.unless(o.ID.String(), func() (bool, error) { return w.Repair.order(ctx, o) })
	})
}

// payments does the same for payments.
func (w *walk) payments(ctx context.Context) (int, error) {
	left, err := w.store.UnfinishedPayments(ctx, w.age, w.payment, page)
	if err != nil {
		return 0, fmt.Errorf("find unfinished payments: %w", err)
	}
	w.payment = ""
	if len(left) == page {
		w.payment = left[page-1].ID
	}
	return len(left), each(ctx, left, func(ctx context.Context, p order.Payment) error {
		return w.pauses.unless(p.ID, func() (bool, error) { return w.Repair.payment(ctx, p) })
	})
}

// Once goes through everything and publishes every ledger to the gate. Holds
// without an order are reaped by the service itself. The error tells of all
// that failed.
func (r *Repair) Once(ctx context.Context, gate Gate) error {
	w := &walk{Repair: r, age: commandAge}
	return errors.Join(
		w.all(ctx, "open orders", w.orders),
		w.all(ctx, "unfinished payments", w.payments),
		r.products(ctx, gate))
}

// all repeats next until a page is not full.
func (w *walk) all(ctx context.Context, what string, next func(context.Context) (int, error)) error {
	var errs []error
	for total := 0; ; {
		n, err := next(ctx)
		total += n
		errs = append(errs, err)
		if n < page || ctx.Err() != nil {
			w.say("%d %s looked at", total, what)
			return errors.Join(errs...)
		}
	}
}

func (r *Repair) products(ctx context.Context, gate Gate) error {
	products, err := r.store.Products(ctx)
	if err != nil {
		return fmt.Errorf("read products: %w", err)
	}
	err = each(ctx, products, gate.Now)
	if err == nil {
		r.say("%d products published to the gate", len(products))
	}
	return err
}

// Run looks at a page of orders and one of payments every minute until ctx
// ends. failed is told of what did not work; it is tried again.
func (r *Repair) Run(ctx context.Context, failed func(error)) {
	w := &walk{Repair: r, age: upkeepAge, pauses: newPauses(time.Now)}
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, orders := w.orders(ctx)
		_, payments := w.payments(ctx)
		if err := errors.Join(orders, payments); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}
