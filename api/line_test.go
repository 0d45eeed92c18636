package api

import (
	"testing"
	"time"

	"order-service/order"
)

// queue is a Line in which everybody who was accepted since begun has the same
// place.
type queue struct {
	begun time.Time
	place order.Position
}

func (q *queue) Position(accepted time.Time) (order.Position, bool) {
	return q.place, !accepted.Before(q.begun)
}

func (q *queue) Length() (order.Position, bool) { return q.place, true }

func TestAPendingOrderTellsItsPlaceInTheLine(t *testing.T) {
	shop := newShop()
	line := &queue{begun: time.Now().Add(-time.Minute), place: order.Position{Ahead: 412, Wait: 5500 * time.Millisecond}}
	s := serve(t, shop, func(_ *Config, d *Deps) { d.Line = line })
	waiting, begun := "/orders/"+shop.put("ann", order.Pending).ID.String(), "/orders/"+shop.put("ann", order.PaymentPending).ID.String()

	a := s.as("ann", "GET", waiting, "").ok(t)
	var got struct{ Position, EstimatedSeconds *int64 }
	a.decode(t, &got)
	if got.Position == nil || *got.Position != 412 || got.EstimatedSeconds == nil || *got.EstimatedSeconds != 6 {
		t.Errorf("got %s", a.body)
	}
	if tag := a.Header.Get("ETag"); tag != `W/"1"` {
		t.Errorf("ETag %s: what moves has no strong one", tag)
	}
	if a := s.as("ann", "GET", waiting, "", "If-None-Match", `W/"1"`); a.StatusCode != 304 {
		t.Errorf("%d to the tag that was sent", a.StatusCode)
	}

	line.begun = time.Now().Add(time.Minute)
	for _, path := range []string{waiting, begun} {
		got.Position, got.EstimatedSeconds = nil, nil
		s.as("ann", "GET", path, "").ok(t).decode(t, &got)
		if got.Position != nil || got.EstimatedSeconds != nil {
			t.Errorf("%s has a place", path)
		}
	}
}
