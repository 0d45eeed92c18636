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
		if o, err = s.cancelOnce(ctx, o); err != nil {
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

// cancelOnce lets one request at a time ask for an order's end. Who comes
// meanwhile waits for what it hears, be it an error: to ask as well would bring
// the same. So a second click works, and a buyer who sends thousands does not use
// up what Temporal and Postgres have for everybody.
//
// ctx is that of the request which asks. No client that leaves ends it, and its
// time is over before that of those who wait.
func (s *Server) cancelOnce(ctx context.Context, o order.Order) (order.Order, error) {
	then, err, _ := s.cancels.Do(string(o.ID[:]), func() (any, error) { return s.cancelled(ctx, o) })
	return then.(order.Order), err
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
