package api

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

/* payments */

func (s *shop) RecordPayment(_ context.Context, p order.Payment) (order.Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.State != order.PaymentReceived && p.State != order.PaymentRefused && p.State != order.PaymentMismatch {
		return order.Payment{}, order.Errorf(order.CodeValidation, "A payment cannot begin as %q.", p.State)
	}
	if p.ReceivedAt.IsZero() {
		p.ReceivedAt = time.Now().UTC()
	}
	if first, ok := s.payments[p.ID]; ok {
		if first.OrderID != p.OrderID {
			return first, order.Errorf(order.CodeConflict, "The payment belongs to another order.")
		}
		open := first.State == order.PaymentRefused || first.State == order.PaymentMismatch
		if !open || p.State == order.PaymentMismatch || p.State == first.State {
			return first, nil
		}
	}
	s.payments[p.ID] = p
	return p, nil
}

func (s *shop) Payment(_ context.Context, id string) (order.Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.payments[id]
	if !ok {
		return p, order.Errorf(order.CodeNotFound, "There is no payment %s.", id)
	}
	return p, nil
}

// unpaid reports whether nothing was recorded and nothing passed on.
func (s *shop) unpaid() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.payments) == 0 && len(s.calls) == 0
}

func (s *shop) setPayment(id string, state order.PaymentState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[id]
	p.State = state
	s.payments[id] = p
}

/* the saga */

func (s *shop) saga(call string, o order.Order) error {
	s.called("%s", call)
	if s.onSaga != nil {
		s.onSaga(call, o)
	}
	return s.sagaErr
}

func (s *shop) Cancel(_ context.Context, o order.Order) error { return s.saga("cancel", o) }

func (s *shop) PaymentReceived(_ context.Context, o order.Order, p order.Payment) error {
	return s.saga("received "+p.ID, o)
}

func (s *shop) Remind(_ context.Context, p order.Payment) error {
	return s.saga("reminded of "+p.ID, order.Order{})
}

func (s *shop) PaymentDeclined(_ context.Context, o order.Order, id, reason string) error {
	return s.saga("declined "+id+" "+reason, o)
}

func (s *shop) Refund(_ context.Context, p order.Payment) error {
	s.called("refund %s", p.ID)
	return nil
}

func (s *shop) Recall(_ context.Context, id uuid.UUID) (order.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recallErr != nil {
		return order.Order{}, s.recallErr
	}
	o, ok := s.remembered[id]
	if !ok {
		return o, order.Errorf(order.CodeOrderNotFound, "There is no order %s.", id)
	}
	return o, nil
}

/* the hub */

type joinedStream struct {
	shop *shop
	text string
}

func (s *shop) join(text string) (Stream, error) {
	if s.joinErr != nil {
		return nil, s.joinErr
	}
	s.mu.Lock()
	s.joined++
	s.mu.Unlock()
	if s.onJoin != nil {
		s.onJoin()
	}
	return &joinedStream{s, text}, nil
}

func (s *shop) JoinOrder(id uuid.UUID, userID string) (Stream, error) { return s.join(id.String()) }

func (s *shop) JoinUser(userID string) (Stream, error) { return s.join(userID) }

func (j *joinedStream) Leave() {
	j.shop.mu.Lock()
	defer j.shop.mu.Unlock()
	j.shop.joined--
}

// Serve writes one line for every event and ends.
func (j *joinedStream) Serve(conn net.Conn, o Opening) {
	defer conn.Close()
	defer j.Leave()
	j.shop.mu.Lock()
	j.shop.openings = append(j.shop.openings, o)
	j.shop.mu.Unlock()
	for _, e := range o.Events {
		fmt.Fprintf(conn, "%d %s\n", e.Seq, e.Status)
	}
}

// lastOpening is how the stream that was served last began.
func (s *shop) lastOpening() Opening {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.openings[len(s.openings)-1]
}

func (s *shop) streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.joined
}

func (s *shop) Watch(id uuid.UUID) (<-chan order.ProgressEvent, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	watcher := make(chan order.ProgressEvent, 1)
	s.watchers[id] = append(s.watchers[id], watcher)
	return watcher, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watchers[id] = slices.DeleteFunc(s.watchers[id], func(w chan order.ProgressEvent) bool { return w == watcher })
	}
}

func (s *shop) watching(id uuid.UUID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watchers[id])
}
