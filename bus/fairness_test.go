package bus

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// Buyers are told how many are before them. That an order is a fifth of the line
// behind its place is what partitions cost; it was nine tenths.
func TestALineIsStartedAboutInTheOrderOfItsOrders(t *testing.T) {
	t.Parallel()
	const line, batch = 16_000, 500
	b, places, begun := newBus(t), map[uuid.UUID]int{}, time.Now().Add(-time.Minute)
	for from := 0; from < line; from += batch {
		orders := newOrders(batch)
		for i := range orders {
			orders[i].ID = idAt(begun.Add(time.Duration(from+i) * time.Second / 2000))
			places[orders[i].ID] = from + i
		}
		if err := b.produce(t.Context(), b.encodeOrders(orders, sends{})...); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var started, furthest int
	startConsumer(t, b, newStarter(func(_ context.Context, ev order.ReservationEvent) error {
		mu.Lock()
		defer mu.Unlock()
		furthest = max(furthest, started-places[ev.OrderID])
		started++
		return nil
	}), ConsumerConfig{})
	eventually(t, "all are started", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return started >= line
	})
	if furthest > line/2 {
		t.Errorf("an order was started %d places behind its own, of %d", furthest, line)
	}
}
