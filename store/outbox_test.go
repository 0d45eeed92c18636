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

// The trace of an order is in its own row, so whoever publishes it finds it, also
// where others of its batch have none or were there before.
func TestASweeperFindsTheTraceOfAnOrder(t *testing.T) {
	s := newShop(t)
	const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	intents := []order.Intent{intent("user", "lamp", "key"), intent("user", "lamp", ""), intent("user", "lamp", "")}
	intents[1].Traceparent = traceparent
	writer := s.NewIntake(store.IntakeConfig{})
	for _, batch := range [][]order.Intent{intents[:1], intents} { // the second time one is there already
		for _, r := range writer.Insert(t.Context(), batch) {
			must(t, r.Err)
		}
	}
	batches, err := s.ClaimOutbox(t.Context(), 10, time.Hour)
	must(t, err)
	if len(batches) != 2 || len(batches[1].Orders) != 2 {
		t.Fatalf("claimed %v", batches)
	}
	for i, o := range batches[1].Orders {
		want := intents[1+i]
		if o.ID != want.ID || o.Traceparent != want.Traceparent {
			t.Errorf("order %s has trace %q, want %q of %s", o.ID, o.Traceparent, want.Traceparent, want.ID)
		}
	}
	stored, err := s.Order(t.Context(), intents[1].ID)
	must(t, err)
	if stored.Traceparent != traceparent {
		t.Errorf("read with trace %q", stored.Traceparent)
	}
}
