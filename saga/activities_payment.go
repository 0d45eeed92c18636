package saga

import (
	"context"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"order-service/order"
)

// TryPayment asks the provider for a payment once and briefly, within the
// workflow task. It returns the zero value where InitiatePayment has to go on.
func (a *activities) TryPayment(ctx context.Context, o order.Order) (initiated, error) {
	id, link, err := a.Provider.Try(ctx, o)
	switch {
	case err == nil:
		return initiated{PaymentID: id, Link: link}, nil
	case !order.Permanent(err):
		return initiated{}, nil
	}
	p, _ := a.unavailable(ctx, err, o.ID, 1) // zero where nobody could say
	return p, nil
}

// InitiatePayment asks the provider for a payment. Its failures are retried by
// Temporal until the provider counts as unavailable, which is a result.
func (a *activities) InitiatePayment(ctx context.Context, o order.Order) (initiated, error) {
	id, link, err := a.Provider.Initiate(ctx, o)
	if err == nil {
		return initiated{PaymentID: id, Link: link}, nil
	}
	info := activity.GetInfo(ctx)
	tired := info.Attempt >= initiateAttempts && info.StartedTime.Sub(info.ScheduledTime) >= a.patience
	if !order.Permanent(err) && !tired {
		return initiated{}, a.failed(ctx, err, o.ID)
	}
	p, err := a.unavailable(ctx, err, o.ID, info.Attempt)
	if err != nil {
		return initiated{}, a.failed(ctx, err, o.ID)
	}
	return p, nil
}

// unavailable ends the asking for err, unless the buyer was asked before: a worker
// that died may have left no marker of that, and an order that waits for its payment
// cannot end for want of one. An error means that nobody could say.
func (a *activities) unavailable(ctx context.Context, err error, id uuid.UUID, attempt int32) (initiated, error) {
	o, unread := a.Orders.Order(ctx, id)
	switch {
	case unread != nil && order.CodeOf(unread) != order.CodeOrderNotFound:
		return initiated{}, unread
	case o.Status == order.PaymentPending:
		return initiated{PaymentID: o.PaymentID, Link: o.PaymentURL}, nil
	}
	a.log.Error().Ctx(ctx).Err(err).Stringer("orderId", id).Int32("attempt", attempt).Msg("no payment could be initiated")
	return initiated{Unavailable: true}, nil
}

// ClaimRefund moves a payment to REFUNDING and reports whether it is to be
// refunded. REFUNDING is claimed again: the last attempt may have been cut off
// before it reached the provider.
func (a *activities) ClaimRefund(ctx context.Context, p order.Payment) (bool, error) {
	return a.moveRefund(ctx, p, order.PaymentRefunding)
}

// RefundPayment has the provider give the money back. Every failure may pass:
// money that is owed stays owed, however often the provider refuses.
func (a *activities) RefundPayment(ctx context.Context, r Refund) error {
	err := a.Provider.Refund(ctx, r.Payment, r.Reason)
	if err != nil {
		a.log.Error().Ctx(ctx).Err(err).Str("paymentId", r.Payment.ID).Stringer("orderId", r.Payment.OrderID).Msg("refund failed; will be repeated")
	}
	return err
}

// CloseRefund moves a payment to REFUNDED. That it is there already is as good.
// One that the database was put back to keep, when the provider had been asked
// already, is for a person: the buyer may have the goods and the money.
func (a *activities) CloseRefund(ctx context.Context, p order.Payment) error {
	ok, err := a.moveRefund(ctx, p, order.PaymentRefunded)
	if err != nil || ok {
		return err
	}
	state, err := a.Payments.RecordRefund(ctx, p.ID)
	if err != nil {
		return a.failed(ctx, gone(err), p.OrderID)
	}
	if state != order.PaymentRefunded {
		a.log.Error().Ctx(ctx).Str("paymentId", p.ID).Stringer("orderId", p.OrderID).Str("state", string(state)).
			Msg("a payment was paid back and is kept")
	}
	return nil
}

// moveRefund moves p on its way back, also from where a restore or a failover
// of Postgres has put it: to RECEIVED, or to nothing. What is put back is the
// money that the workflow was told of; nobody else may know of it any more.
func (a *activities) moveRefund(ctx context.Context, p order.Payment, to order.PaymentState) (bool, error) {
	from := []order.PaymentState{order.PaymentReceived, order.PaymentRefunding}
	ok, err := a.Payments.MovePayment(ctx, p.ID, from, to)
	if order.CodeOf(err) == order.CodeNotFound {
		a.log.Error().Ctx(ctx).Str("paymentId", p.ID).Stringer("orderId", p.OrderID).Msg("the database has lost a payment; it is recorded again")
		p.State = to
		if err = a.Payments.RestorePayment(ctx, p); err == nil {
			ok, err = a.Payments.MovePayment(ctx, p.ID, from, to)
		}
	}
	if err != nil {
		return false, a.failed(ctx, gone(err), p.OrderID)
	}
	return ok, nil
}
