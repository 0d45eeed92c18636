package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

func TestRecentOrdersAreTheOpenOnesAndThoseChangedSince(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	oldOpen, oldDone, newDone := s.place(t, "user", p.ID, 1), s.place(t, "user", p.ID, 1), s.place(t, "user", p.ID, 1)
	for _, id := range []uuid.UUID{oldDone, newDone} {
		_, err := s.Finish(t.Context(), id, order.Cancelled, "")
		must(t, err)
	}
	s.exec(t, `UPDATE orders SET updated_at = now() - interval '1 hour' WHERE order_id = ANY ($1)`, []uuid.UUID{oldOpen, oldDone})
	got, err := s.Recent(t.Context(), "user", time.Now().Add(-15*time.Minute), 10)
	must(t, err)
	wantOrders(t, got, newDone, oldOpen)
}

func TestReadsThatShareAStatementEachGetTheirOrder(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	var reading sync.WaitGroup
	for n := range 50 {
		id, unknown := s.place(t, "user", p.ID, 1+n%3), n%5 == 0
		if unknown {
			id = newID()
		}
		reading.Go(func() {
			o, err := s.Order(t.Context(), id)
			switch {
			case unknown && order.CodeOf(err) != order.CodeOrderNotFound:
				t.Errorf("an unknown order: %v, %v", o, err)
			case !unknown && (err != nil || o.ID != id || o.Quantity != 1+n%3):
				t.Errorf("order %s of %d units: %v, %v", id, 1+n%3, o, err)
			}
		})
	}
	reading.Wait()
}

func wantOrders(t *testing.T, got []order.Order, want ...uuid.UUID) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d orders, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].ID != want[i] {
			t.Errorf("order %d is %s, want %s", i, got[i].ID, want[i])
		}
	}
}
