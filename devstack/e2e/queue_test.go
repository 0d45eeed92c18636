package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"order-service/order"
)

func TestWhoWaitsForAWorkerIsToldHowManyAreBefore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("api")
	time.Sleep(2 * time.Second) // a place is known from the second look at the line on
	product, b := s.product(40), s.anyone()
	const before = 30
	for range before {
		s.anyone().buy(product, 1)
		time.Sleep(50 * time.Millisecond)
	}
	id := b.buy(product, 1)
	stream := b.watch(id, "")

	var got struct{ Position *int64 }
	for deadline := time.Now().Add(patience); got.Position == nil; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no place was told")
		}
		if err := json.Unmarshal(b.call(http.MethodGet, "/orders/"+id.String(), nil).expect(http.StatusOK).body, &got); err != nil {
			t.Fatal(err)
		}
	}
	if n := *got.Position; n < before-5 || n > before+1 {
		t.Errorf("%d before the order, want %d", n, before)
	}
	time.Sleep(5 * time.Second) // the stream tells it every three
	s.start("worker")
	stream.until(order.PaymentPending)
	if len(stream.places) == 0 {
		t.Error("the stream told no place")
	}
}
