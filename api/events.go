package api

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"order-service/order"
)

// What the stream of a user's orders begins with.
const (
	recentOrders = 15 * time.Minute
	maxSnapshot  = 100 // orders
)

const (
	// openAtOnce is how many streams are begun at a time: enough to share
	// statements, few enough that a request beside them waits for no more than these.
	openAtOnce = 64
	// turnTimeout is for the wait to be among them: twenty thousand take two seconds.
	turnTimeout = 5 * time.Second
)

// inTurn has streams begin a few at a time. Once connected they cost next to
// nothing, but after a restart all come back at once, and twenty thousand of them
// would be in front of every order for as long as that takes. CodeOverloaded: not
// within turnTimeout.
func (s *Server) inTurn(begin fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(s.base, turnTimeout)
		defer cancel()
		if err := s.openings.Acquire(ctx, 1); err != nil {
			return order.Wrap(err, order.CodeOverloaded, "Too many streams are being opened. Please try again in a moment.")
		}
		defer s.openings.Release(1)
		return begin(c)
	}
}

// orderEvents answers GET /orders/:id/events: one order's progress as
// server-sent events (WHATWG HTML, section 9.2), each with its seq as the id.
//
// It joins the hub before it reads the order. An event published in between is
// then held by the hub and one committed before is in the read, so none falls
// into a gap; the hub leaves out what is in both.
func (s *Server) orderEvents(c *fiber.Ctx) error {
	who, err := s.streamCaller(c, roleUser)
	if err != nil {
		return err
	}
	id, err := orderID(c)
	if err != nil {
		return err
	}
	stream, err := s.deps.Hub.JoinOrder(id, who.userID)
	if err != nil {
		return err
	}
	return s.stream(c, stream, func(ctx context.Context) (Opening, bool, error) {
		o, err := s.owned(ctx, c, who)
		if err != nil {
			return Opening{}, false, err
		}
		opening, over, err := s.resume(ctx, o, c.Get("Last-Event-ID"))
		opening.ExpiresAt = who.expires
		return opening, over, err
	})
}

// resume tells what a stream of o sends first to a client whose last event had
// the id last: a snapshot, what it missed, or, when the id makes no sense, a
// reset and a snapshot. It is over when the client has seen the final status.
func (s *Server) resume(ctx context.Context, o order.Order, last string) (opening Opening, over bool, err error) {
	id := o.ID // all that a stream keeps for its life
	opening.Resnapshot = func(ctx context.Context) ([]order.ProgressEvent, error) {
		now, err := s.deps.Orders.Order(ctx, id)
		return []order.ProgressEvent{now.Snapshot()}, err
	}
	seq, err := strconv.ParseInt(last, 10, 64)
	if err != nil || seq < 1 || seq > o.Seq {
		opening.Events, opening.Reset = []order.ProgressEvent{o.Snapshot()}, last != ""
		return opening, false, nil
	}
	if seq == o.Seq && o.Status.Final() {
		return opening, true, nil
	}
	opening.After = seq
	if seq < o.Seq { // else it has missed nothing, as nearly all that come back after a restart
		opening.Events, err = s.deps.Orders.History(ctx, o.ID, seq)
	}
	return opening, false, err
}

// userEvents answers GET /orders/events: the progress of all of the caller's
// orders, each event with the id <orderId>:<seq>. Every connect begins with a
// snapshot, which covers what a reconnecting client missed.
func (s *Server) userEvents(c *fiber.Ctx) error {
	who, err := s.streamCaller(c, roleUser)
	if err != nil {
		return err
	}
	stream, err := s.deps.Hub.JoinUser(who.userID)
	if err != nil {
		return err
	}
	snapshot := func(ctx context.Context) ([]order.ProgressEvent, error) { return s.recent(ctx, who.userID) }
	return s.stream(c, stream, func(ctx context.Context) (Opening, bool, error) {
		events, err := snapshot(ctx)
		last := c.Get("Last-Event-ID")
		return Opening{
			Events: events, Reset: last != "" && !validEventID(last),
			ExpiresAt: who.expires, Resnapshot: snapshot,
		}, false, err
	})
}

func (s *Server) recent(ctx context.Context, userID string) ([]order.ProgressEvent, error) {
	orders, err := s.deps.Orders.Recent(ctx, userID, time.Now().Add(-recentOrders), maxSnapshot)
	events := make([]order.ProgressEvent, len(orders))
	for i, o := range orders {
		events[i] = o.Snapshot()
	}
	return events, err
}

func validEventID(id string) bool {
	orderID, seq, _ := strings.Cut(id, ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	return err == nil && n > 0 && uuid.Validate(orderID) == nil
}

// stream finds out how a joined stream opens and hands the connection over.
// Every error is answered before that, because afterwards there is no response
// to change. A stream that is not served leaves the hub.
func (s *Server) stream(c *fiber.Ctx, joined Stream, open func(context.Context) (Opening, bool, error)) error {
	ctx, cancel := s.context()
	defer cancel()
	opening, over, err := open(ctx)
	if err != nil {
		joined.Leave()
		return err
	}
	if over {
		joined.Leave()
		return c.SendStatus(fiber.StatusNoContent) // tells EventSource not to come back
	}
	if err := hijackStream(c, func(conn net.Conn) { joined.Serve(conn, opening) }); err != nil {
		joined.Leave()
		return err
	}
	return nil
}
