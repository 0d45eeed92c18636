package api

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// reported finds the order that a report is about, also where the database has
// lost it, by a failover to a standby without it or the restore of a backup: its
// workflow knows what was accepted. It is put back as PENDING, and its workflow,
// or the upkeep where that has completed, takes it to where it was; the money
// buys it again, or goes back. One whose workflow ended without a purchase is not
// put back, or it would be sold after all: its money goes back.
//
// Only who signs reports comes here, so that nobody has Temporal asked for ids
// that he made up.
func (s *Server) reported(ctx context.Context, c *fiber.Ctx, event string, p order.Payment) (order.Order, error) {
	o, err := s.find(ctx, c)
	if order.CodeOf(err) != order.CodeOrderNotFound {
		return o, err
	}
	id, err := orderID(c)
	if err != nil {
		return o, err
	}
	o, err = s.deps.Saga.Recall(ctx, id)
	switch {
	case order.CodeOf(err) == order.CodeOrderNotFound:
		p.OrderID = id
		s.stray(ctx, event, p, "a report is about an order that nobody knows")
		return o, orderNotFound()
	case err != nil:
		return o, order.Wrap(err, order.CodeUnavailable, "The order cannot be looked up right now. Please repeat the report.")
	}
	s.cfg.Log.Error().Stringer("order", id).Str("status", string(o.Status)).Msg("a report is about an order that the database has lost")
	if lostForGood(o) {
		return o, nil
	}
	if err := s.deps.Orders.Restore(ctx, o); err != nil {
		return o, err
	}
	return s.deps.Orders.Order(ctx, id)
}

// stray tells of a report that is recorded nowhere. The provider may have a buyer's
// money, and after a 404 or 409 it is not heard of again: a person has to know
// which payment that is, so that each report is logged.
func (s *Server) stray(ctx context.Context, event string, p order.Payment, why string) {
	s.deps.Meter.StrayReport(event)
	s.cfg.Log.Error().Ctx(ctx).Str("event", event).Stringer("order", p.OrderID).Str("payment", p.ID).
		Int64("amount", p.Money.Amount).Str("currency", p.Money.Currency).Msg(why)
}

// lostForGood reports whether a recalled order was ended without a purchase.
func lostForGood(o order.Order) bool { return o.Status.Final() && o.Status != order.Confirmed }

// standing reads o again. One that was recalled and not put back stays as it is.
func (s *Server) standing(ctx context.Context, o order.Order) (order.Order, error) {
	now, err := s.deps.Orders.Order(ctx, o.ID)
	if order.CodeOf(err) == order.CodeOrderNotFound && lostForGood(o) {
		return o, nil
	}
	return now, err
}
