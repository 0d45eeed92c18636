package saga

import (
	"cmp"
	"context"

	"order-service/order"
)

// A standby that becomes the primary, or a backup, may be older than what the
// saga did: the order is missing, or stands where it stood before. The saga
// remembers it, and brings the database there again by the moves that it made
// before, which are no others for who reads the ledger or the events.

// move makes a move of the order that the saga knows. Where the database is
// behind the saga, the move is made once that has caught up; p, if any, is the
// payment that the move is about.
func (a *activities) move(ctx context.Context, known order.Order, p order.Payment, try func() (order.Change, error)) (order.Change, error) {
	change, err := try()
	if behind, unread := a.behind(ctx, known, err); unread != nil || !behind {
		return change, cmp.Or(unread, err)
	}
	if err := a.restore(ctx, known, p); err != nil {
		return order.Change{}, gone(err)
	}
	change, err = try()
	return change, gone(err)
}

// gone is err, but for an order or a payment that was there a moment ago and is not:
// two servers that both think they are the primary show that, and it passes.
func gone(err error) error {
	switch order.CodeOf(err) {
	case order.CodeOrderNotFound, order.CodeNotFound:
		return order.Wrap(err, order.CodeUnavailable, "What was there a moment ago is lost.")
	}
	return err
}

// confirm also puts p back where the database has lost no more than that: the
// buyer has paid, and whoever reported it was answered.
func (a *activities) confirm(ctx context.Context, known order.Order, p order.Payment) (order.Change, error) {
	confirm := func() (order.Change, error) { return a.Orders.Confirm(ctx, known.ID, p.ID) }
	change, err := a.move(ctx, known, p, confirm)
	if order.CodeOf(err) != order.CodeConflict || p.ID == "" {
		return change, err
	}
	if err := a.putBack(ctx, p); err != nil {
		return order.Change{}, err
	}
	return a.move(ctx, known, p, confirm)
}

// behind reports whether a move met err because the database has lost the order
// or what became of it.
func (a *activities) behind(ctx context.Context, known order.Order, err error) (bool, error) {
	switch order.CodeOf(err) {
	case order.CodeOrderNotFound:
		return restorable(known), nil
	case order.CodeConflict:
		o, err := a.Orders.Order(ctx, known.ID)
		return forgotten(known, o), gone(err)
	}
	return false, nil
}

// forgotten reports whether the database has lost what became of the order since
// it was as o. Seqs only grow, so a smaller one than known is lost data.
func forgotten(known, o order.Order) bool {
	return o.Seq < known.Seq && !o.Status.Final() && restorable(known)
}

// restorable reports whether the saga knows what the order was: one that began
// with a build of old, and has not read it yet, does not.
func restorable(known order.Order) bool { return known.UserID != "" }

// restore takes the order to where the saga knows it, and records the payment p
// that it was told of. Where its units have been sold to others meanwhile the
// order fails, and p is for the refund.
func (a *activities) restore(ctx context.Context, known order.Order, p order.Payment) error {
	a.log.Error().Ctx(ctx).Stringer("orderId", known.ID).Str("status", string(known.Status)).
		Msg("the database has lost an order, or what became of it; it is restored from its saga")
	err := a.Orders.Restore(ctx, known)
	if err != nil || known.Status == order.Pending {
		return err
	}
	change, err := a.Orders.Reserve(ctx, known.ID)
	m, err := a.tell(ctx, known.ID, change, err)
	switch {
	case err != nil:
		return err
	case m.Refusal == order.CodeConflict: // it has ended
		return nil
	case m.Refusal != "":
		change, err = a.Orders.Finish(ctx, known.ID, order.Failed, unreserved(m.Refusal))
		_, err = a.tell(ctx, known.ID, change, err)
		return err
	}
	return a.restorePayment(ctx, known, p)
}

func (a *activities) restorePayment(ctx context.Context, known order.Order, p order.Payment) error {
	if known.Status == order.PaymentPending {
		change, err := a.Orders.RequestPayment(ctx, known.ID, known.PaymentID, known.PaymentURL, known.ExpiresAt)
		if _, err = a.tell(ctx, known.ID, change, err); err != nil {
			return err
		}
	}
	if p.ID == "" {
		return nil
	}
	return a.putBack(ctx, p)
}

// putBack records p, that the saga was told of, where the database has lost it. One
// of which a refund has begun buys nothing, also where it was reported again: a
// database that has lost this much may have lost the end of an order that was given
// up, and its refund.
func (a *activities) putBack(ctx context.Context, p order.Payment) error {
	back, err := a.givenBack(ctx, p)
	if err != nil || back {
		return err
	}
	p.State = order.PaymentReceived
	_, err = a.Payments.RecordPayment(ctx, p)
	return gone(err)
}
