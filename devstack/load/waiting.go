package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"time"

	"order-service/devstack/load/engine"
	"order-service/order"
)

// waiting is a buyer who presses Buy and waits for the payment link, and then
// presses again.
type waiting struct {
	audience *audience
	pressed  time.Time
	link     engine.Histogram // from pressing until the link was read
	without  int64            // orders that ended, or streams that did, before there was one
}

// waitReport is how long the buyer waited.
type waitReport struct {
	Link    spread `json:"link"`              // from Buy to the payment link
	Without int64  `json:"without,omitempty"` // orders that never had one
}

// playBuyer has one buyer at a time: what is measured is the way of an order,
// not its wait for others.
func (s *session) playBuyer(ctx context.Context) ([]*lane, error) {
	w := &waiting{audience: s.newAudience()}
	defer w.audience.client.CloseIdleConnections()
	buying := s.buying()
	cfg := buying
	// One connection: nothing is written before what was read has been dealt with.
	cfg.Write = func(n uint64, buf []byte) []byte {
		buf = buying.Write(n, buf)
		w.pressed = time.Now()
		return buf
	}
	cfg.Read = func(n uint64, a engine.Answer) {
		buying.Read(n, a)
		if a.Status == http.StatusAccepted {
			w.follow(ctx, string(a.OrderID()), s.tokens[n%uint64(len(s.tokens))], s.opts.Patience)
		}
	}
	lanes, err := s.side(ctx, s.closedLane("orders", 1, cfg))
	s.waiting = &waitReport{Link: spreadOf(&w.link), Without: w.without}
	return lanes, err
}

// follow watches an order until its payment link has come, as the shop's page
// does.
func (w *waiting) follow(ctx context.Context, id, token string, patience time.Duration) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := w.audience.open(within, id, token)
	if err == nil {
		defer stream.Close()
		if linked(stream) {
			w.link.Record(time.Since(w.pressed))
			return
		}
	}
	if ctx.Err() == nil {
		w.without++
	}
}

// linked reads until the payment link has come, or reports that none will.
func linked(stream io.Reader) bool {
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		if e, found := progress(lines.Bytes()); found && (e.PaymentURL != "" || e.Status.Final()) {
			return e.Status == order.PaymentPending
		}
	}
	return false
}
