package bus

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestReplayedDeadLettersAreTriedOnceMore(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	dlq := deadLetters(b.cfg.Topics.Reservations)
	eventually(t, "the topic is known and empty", func() bool {
		n, err := b.ReplayDeadLetters(t.Context())
		return n == 0 && err == nil
	})
	var mended atomic.Bool
	starts := newStarter(func(context.Context, order.ReservationEvent) error {
		if mended.Load() {
			return nil
		}
		return order.Errorf(order.CodeConflict, "refused for now")
	})
	startConsumer(t, b, starts, ConsumerConfig{})
	refused := publish(t, b, 3)
	poison := &kgo.Record{Topic: b.cfg.Topics.Reservations, Key: []byte("key"), Value: []byte("{poison")}
	if err := b.produce(t.Context(), poison); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are dead letters", func() bool { return ended(t, b, dlq) == 4 })

	mended.Store(true)
	if n, err := b.ReplayDeadLetters(t.Context()); n != 4 || err != nil {
		t.Fatalf("replayed %d, %v", n, err)
	}
	eventually(t, "the refused ones are started and the poison is back", func() bool {
		return ended(t, b, dlq) == 5 && starts.count(refused[0].ID) == 2
	})
	if n, err := b.ReplayDeadLetters(t.Context()); n != 1 || err != nil {
		t.Fatalf("a second replay: %d, %v; it must meet the new dead letter only", n, err)
	}
	back := readRecord(t, b, refused[1].ID)
	if got := headerOf(t, back, headerType); got != order.ReservationEventType {
		t.Errorf("a replayed record's event-type is %q", got)
	}
}
