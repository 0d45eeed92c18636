package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// How long a cancellation is waited for, and how often it is looked for when
// no event tells.
const (
	cancelWait  = 2 * time.Second
	cancelRetry = 250 * time.Millisecond
)

// cancelOrder answers POST /orders/:id/cancel. Cancel and payment may race:
// the workflow decides, and the answer is what it decided, or that the wish
// was passed on when it takes longer.
func (s *Server) cancelOrder(c *fiber.Ctx) error {
	who, err := s.caller(c, roleUser)
	if err != nil {
		return err
	}
	ctx, cancel := s.context()
	defer cancel()
	o, err := s.owned(ctx, c, who)
	if err != nil {
		return err
	}
	ctx = s.joinTrace(ctx, c, o)
	if !o.Status.Final() {
		if o, err = s.cancelled(ctx, o); err != nil {
			return err
		}
	}
	switch {
	case o.Status == order.Cancelled:
		return c.JSON(statusView{OrderID: o.ID, Status: o.Status})
	case o.Status.Final():
		return order.Errorf(order.CodeNotCancellable, "The order is %s and can no longer be cancelled.", o.Status)
	}
	return c.JSON(statusView{OrderID: o.ID, Status: o.Status, CancelRequested: true})
}

// cancelled asks the workflow and returns the order as it then is. A workflow
// that has ended in the meantime has left its outcome in the database.
func (s *Server) cancelled(ctx context.Context, o order.Order) (order.Order, error) {
	asked := s.deps.Saga.Cancel(ctx, o)
	if asked == nil || order.CodeOf(asked) == order.CodeConflict {
		var err error
		o, err = s.await(ctx, o, cancelWait, cancelRetry, func(o order.Order) bool { return o.Status.Final() })
		if err != nil || asked == nil || o.Status.Final() {
			return o, err
		}
	}
	return o, order.Wrap(asked, order.CodeUnavailable, "The order cannot be cancelled right now. Please try again.")
}
