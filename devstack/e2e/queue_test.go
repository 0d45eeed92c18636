package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

func TestWhoWaitsForAWorkerIsToldHowManyAreBefore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("api")
	product, b := s.product(1000), s.anyone()
	for range 30 {
		s.anyone().buy(product, 1)
	}
	before := s.fillLine(product) + 30
	id := b.buy(product, 1)
	stream := b.watch(id, "")

	var place *int64
	s.wait("a place is told", patience, func() bool { place = b.place(id); return place != nil })
	if n := *place; n < before-5 || n > before+1 {
		t.Errorf("%d before the order, want %d", n, before)
	}
	stream.until(order.Pending)
	stream.place()
	s.start("worker")
	stream.until(order.PaymentPending)
}

// fillLine adds orders to a line that no worker takes from, and returns how many,
// until the service has looked at the line with all that was in it before. Only
// then is the place of who comes now sure: between two looks it is interpolated,
// and before the second one it is not known.
func (s *shop) fillLine(product string) (added int64) {
	s.t.Helper()
	s.wait("the orders are in the line", patience, func() bool { return s.count(unpublished) == 0 })
	s.wait("a look at the line", patience, func() bool {
		b := s.anyone()
		id := b.buy(product, 1)
		added++
		time.Sleep(2 * time.Second) // it is looked at every second
		return b.place(id) != nil
	})
	return added
}

// place is what the buyer is told of the order's place in the line, nil: nothing.
func (b *buyer) place(id uuid.UUID) *int64 {
	b.shop.t.Helper()
	var told struct{ Position *int64 }
	b.call(http.MethodGet, "/orders/"+id.String(), nil).expect(http.StatusOK).decode(&told)
	return told.Position
}
