package store_test

import (
	"testing"
	"time"

	"order-service/order"
	"order-service/store"
)

func TestALeasedOutboxRowIsLeftAloneUntilItsLeaseExpires(t *testing.T) {
	s := newShopWith(t, store.IntakeConfig{Lease: time.Hour})
	id := s.place(t, "user", "lamp", 1)
	claim := func() []order.OutboxBatch {
		t.Helper()
		got, err := s.ClaimOutbox(t.Context(), 10, time.Hour)
		must(t, err)
		return got
	}
	if got := claim(); len(got) != 0 {
		t.Fatalf("a leased row was claimed: %v", got)
	}
	s.exec(t, `UPDATE outbox SET claimed_until = now() - interval '1 second'`)
	got := claim()
	if len(got) != 1 || len(got[0].Orders) != 1 || got[0].Orders[0].ID != id {
		t.Fatalf("claimed %v, want the order %s", got, id)
	}
	if again := claim(); len(again) != 0 {
		t.Fatal("a claimed row was claimed again")
	}
	must(t, s.DeleteOutbox(t.Context(), []int64{got[0].ID, got[0].ID + 1}))
	if n := s.count(t, `SELECT count(*) FROM outbox`); n != 0 {
		t.Fatalf("%d rows left", n)
	}
}

func TestConcurrentClaimsShareTheOutboxWithoutOverlap(t *testing.T) {
	s := newShop(t)
	for range 20 {
		s.place(t, "user", "lamp", 1)
	}
	claims := make(chan []order.OutboxBatch)
	for range 4 {
		go func() {
			got, err := s.ClaimOutbox(t.Context(), 5, time.Hour)
			if err != nil {
				t.Error(err)
			}
			claims <- got
		}()
	}
	seen := map[int64]bool{}
	for range 4 {
		for _, batch := range <-claims {
			if seen[batch.ID] {
				t.Errorf("row %d was claimed twice", batch.ID)
			}
			seen[batch.ID] = true
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d rows claimed, want 20", len(seen))
	}
}
