package saga

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
)

// activities are the steps of both workflows. Their names and the JSON of
// arguments and results are part of every history.
type activities struct {
	Deps
	refunds  refunds
	log      zerolog.Logger
	now      func() time.Time
	patience time.Duration // how long the provider may fail to initiate a payment
}

// moved is what one move of an order came to.
type moved struct {
	Refusal   order.Code `json:",omitempty"` // why the order did not move; "" when it did
	ExpiresAt time.Time  `json:",omitzero"`  // end of the payment window
	Seq       int64      `json:",omitempty"` // of the change

	// Paid comes with the Refusal to end an order for want of a payment. A worker
	// of a build that does not know it fails the workflow of an order that is left
	// open, and the upkeep begins that anew.
	Paid *order.Payment `json:",omitempty"`
}

// opened is what the first step of a saga found and did.
type opened struct {
	order.Order
	Begun   bool       `json:",omitempty"` // the step reserved as well; histories of old have a step for each
	Refusal order.Code `json:",omitempty"` // why nothing was reserved
}

// initiated is the provider's payment, or that there is none to be had; the
// zero value is neither.
type initiated struct {
	PaymentID   string `json:",omitempty"`
	Link        string `json:",omitempty"`
	Unavailable bool   `json:",omitempty"`
}

// ReadOrder reads the order. With begin it is the first step of a saga, and an
// order that is new is reserved by the transaction that reads it.
func (a *activities) ReadOrder(ctx context.Context, known order.Order, begin bool) (opened, error) {
	if !begin {
		o, err := a.read(ctx, known)
		return opened{Order: o}, err
	}
	change, err := a.reserve(ctx, known)
	m, err := a.conclude(ctx, known.ID, change, err)
	if err != nil {
		return opened{}, err
	}
	o := change.Order
	if o.Status != order.InventoryReserved { // refused, or it was further already
		o, err = a.read(ctx, known)
	}
	return opened{Order: o, Begun: true, Refusal: m.Refusal}, err
}

// read also publishes what was changed before: where an order is not new to be
// read, a process may have died between a change and its publication.
func (a *activities) read(ctx context.Context, known order.Order) (order.Order, error) {
	o, err := a.Orders.Order(ctx, known.ID)
	lost := order.CodeOf(err) == order.CodeOrderNotFound && restorable(known)
	if lost || err == nil && forgotten(known, o) {
		if err = a.restore(ctx, known, order.Payment{}); err == nil {
			o, err = a.Orders.Order(ctx, known.ID)
		}
		err = gone(err)
	}
	if err == nil {
		err = a.publishBetween(ctx, known.ID, 1, o.Seq+1)
	}
	if err != nil {
		return order.Order{}, a.failed(ctx, err, known.ID)
	}
	return o, nil
}

// Reserve is a step of its own only in histories of before ReadOrder could
// begin.
func (a *activities) Reserve(ctx context.Context, known order.Order) (moved, error) {
	change, err := a.reserve(ctx, known)
	return a.conclude(ctx, known.ID, change, err)
}

func (a *activities) reserve(ctx context.Context, known order.Order) (order.Change, error) {
	return a.move(ctx, known, order.Payment{}, func() (order.Change, error) { return a.Orders.Reserve(ctx, known.ID) })
}

// RequestPayment opens the payment window when the order gets there, not when
// the workflow asked for it, so that an outage in between costs the buyer none
// of it. Repeating it returns the window that was opened first.
func (a *activities) RequestPayment(ctx context.Context, known order.Order, p initiated, window time.Duration) (moved, error) {
	change, err := a.move(ctx, known, order.Payment{}, func() (order.Change, error) {
		return a.Orders.RequestPayment(ctx, known.ID, p.PaymentID, p.Link, a.now().Add(window))
	})
	return a.conclude(ctx, known.ID, change, err)
}

// Confirm confirms the order by p, which has no id where the order is free. In
// doubt Temporal is asked first whether p has been given back.
func (a *activities) Confirm(ctx context.Context, known order.Order, p order.Payment, doubt bool) (moved, error) {
	if doubt {
		back, err := a.givenBack(ctx, p)
		switch {
		case err != nil:
			return moved{}, a.failed(ctx, err, known.ID)
		case back:
			return moved{Refusal: order.CodeConflict}, nil
		}
	}
	change, err := a.confirm(ctx, known, p)
	return a.conclude(ctx, known.ID, change, err)
}

// Finish also publishes what was changed since the last change that the
// workflow knows of. When a process dies between a step and its marker in the
// history, and a cancellation comes before the workflow goes on, then the
// workflow finishes the order instead of repeating the step.
//
// Money that has arrived buys the order, also when no report of it could reach
// the workflow before the window ended.
func (a *activities) Finish(ctx context.Context, known order.Order, to order.Status, reason order.Reason) (moved, error) {
	change, err := a.finish(ctx, known, to, reason)
	if err == nil && change.Paid.ID != "" {
		return moved{Refusal: order.CodeConflict, Paid: &change.Paid}, nil
	}
	if err == nil {
		err = a.publishBetween(ctx, known.ID, known.Seq, change.Event.Seq)
	}
	return a.conclude(ctx, known.ID, change, err)
}

// finish leaves to the order only money that nobody has given back.
func (a *activities) finish(ctx context.Context, known order.Order, to order.Status, reason order.Reason) (order.Change, error) {
	for {
		change, err := a.move(ctx, known, order.Payment{}, func() (order.Change, error) {
			return a.Orders.Finish(ctx, known.ID, to, reason)
		})
		if err != nil || change.Paid.ID == "" {
			return change, err
		}
		if back, err := a.givenBack(ctx, change.Paid); err != nil || !back {
			return change, err
		}
	}
}

// givenBack reports whether a refund of p has ever begun. A restore or a failover
// of Postgres may show its payment as received, and so does a report that is sent
// again where the payment is lost; it is then marked as on its way, for the upkeep
// to close.
func (a *activities) givenBack(ctx context.Context, p order.Payment) (bool, error) {
	begun, err := a.refunds.RefundBegun(ctx, p.ID)
	if err != nil || !begun {
		return false, err
	}
	from := []order.PaymentState{order.PaymentReceived}
	marked, err := a.Payments.MovePayment(ctx, p.ID, from, order.PaymentRefunding)
	if marked {
		a.log.Error().Ctx(ctx).Str("paymentId", p.ID).Stringer("orderId", p.OrderID).
			Msg("the database has lost the refund of a payment; it does not buy its order")
	}
	if order.CodeOf(err) == order.CodeNotFound { // its refund records it
		return true, nil
	}
	return true, err
}

// publishBetween publishes the changes with a seq between the two.
func (a *activities) publishBetween(ctx context.Context, id uuid.UUID, after, before int64) error {
	if before-after <= 1 {
		return nil
	}
	events, err := a.Orders.History(ctx, id, after)
	for _, e := range events {
		if err == nil && e.Seq < before {
			err = a.Publisher.PublishProgress(ctx, e)
		}
	}
	return gone(err)
}

// conclude ends a step by its move, and logs what went wrong.
func (a *activities) conclude(ctx context.Context, id uuid.UUID, c order.Change, err error) (moved, error) {
	m, err := a.tell(ctx, id, c, err)
	if err != nil {
		return moved{}, a.failed(ctx, err, id)
	}
	return m, nil
}

// tell ends a move: it settles the gate, where units moved, and publishes the
// change, at the same time. Until it is settled, a reserved order counts twice in the gate, by
// its hold and in the ledger, and the last units may be refused to a buyer; that
// must not last as long as Kafka takes. A repeated move publishes the same event
// again, which its readers know by seq.
func (a *activities) tell(ctx context.Context, id uuid.UUID, c order.Change, err error) (moved, error) {
	if code := refusal(err); code != "" {
		return moved{Refusal: code}, nil
	}
	if err != nil {
		return moved{}, err
	}
	var settled sync.WaitGroup
	if movesUnits(c.Event.Status) {
		settled.Go(func() { a.settle(ctx, id, c.Stock) })
	}
	err = a.Publisher.PublishProgress(ctx, c.Event)
	settled.Wait()
	return moved{ExpiresAt: c.Event.ExpiresAt.Time, Seq: c.Event.Seq}, err
}

// movesUnits reports whether a move to this status takes units or gives them
// back. To be paid and to be confirmed changes nothing that the gate counts.
func movesUnits(to order.Status) bool {
	return to != order.PaymentPending && to != order.Confirmed
}

// settle tells the gate three times at most. The gate's own sync and reap
// finish what is missed, so an order never waits for Redis.
func (a *activities) settle(ctx context.Context, id uuid.UUID, st order.Stock) {
	const tries = 3
	var err error
	for range tries {
		if err = a.Gate.Settle(ctx, id, st); err == nil {
			return
		}
	}
	a.log.Warn().Ctx(ctx).Err(err).Stringer("orderId", id).Msg("the gate was not settled; its sync will do it")
}

// failed logs err, since Temporal retries local activities in silence, and
// returns it for Temporal.
func (a *activities) failed(ctx context.Context, err error, id uuid.UUID) error {
	a.log.Warn().Ctx(ctx).Err(err).Stringer("orderId", id).Bool("permanent", order.Permanent(err)).Msg("saga step failed")
	return retryable(err)
}
