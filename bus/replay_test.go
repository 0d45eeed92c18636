package bus

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestReplayedDeadLettersAreTriedOnceMore(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	dlq := emptyDeadLetters(t, b)
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

// What a transaction leaves at the end of a partition is no letter, and all there
// is to come.
func TestReplayEndsBehindATransaction(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	dlq := emptyDeadLetters(t, b)
	writer, err := b.client(kgo.TransactionalID(dlq))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := writer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: dlq, Value: []byte("{poison")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := writer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}

	if n, err := b.ReplayDeadLetters(t.Context()); n != 1 || err != nil {
		t.Errorf("replayed %d, %v", n, err)
	}
	if n, err := b.ReplayDeadLetters(t.Context()); n != 0 || err != nil {
		t.Errorf("a second replay: %d, %v", n, err)
	}
}

// In a compacted topic the last letter may be gone that was there at the start.
func TestReplayEndsWithALetterBehindTheEnd(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	dlq := emptyDeadLetters(t, b)
	for _, value := range []string{"gone", "later"} {
		if err := b.produce(t.Context(), &kgo.Record{Topic: dlq, Key: []byte("key"), Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	letter := readTopic(t, b, dlq, 2)[1]
	client, err := b.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		dlq: {letter.Partition: kgo.NewOffset().At(letter.Offset)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	to := map[int32]int64{letter.Partition: letter.Offset}

	if n, err := b.replayPoll(t.Context(), client, to); n != 0 || err != nil || len(to) > 0 {
		t.Errorf("replayed %d, %v, with %v to come", n, err, to)
	}
}

// A topic that a broker has lost the end of begins to be written at lower offsets
// than were replayed.
func TestLettersOfALogThatBeganAnewAreReplayed(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	dlq := emptyDeadLetters(t, b)
	var done kadm.Offsets
	for p := range int32(partitions) {
		done.AddOffset(dlq, p, 100, -1)
	}
	if err := b.admin.CommitAllOffsets(t.Context(), b.replayGroup(), done); err != nil {
		t.Fatal(err)
	}
	if err := b.produce(t.Context(), &kgo.Record{Topic: dlq, Value: []byte("{poison")}); err != nil {
		t.Fatal(err)
	}
	if n, err := b.ReplayDeadLetters(t.Context()); n != 1 || err != nil {
		t.Errorf("replayed %d, %v", n, err)
	}
	if n, err := b.ReplayDeadLetters(t.Context()); n != 0 || err != nil {
		t.Errorf("a second replay: %d, %v", n, err)
	}
}

// emptyDeadLetters names b's topic of dead letters, once it is known to be there.
func emptyDeadLetters(t *testing.T, b *Bus) string {
	t.Helper()
	eventually(t, "the topic is known and empty", func() bool {
		n, err := b.ReplayDeadLetters(t.Context())
		return n == 0 && err == nil
	})
	return deadLetters(b.cfg.Topics.Reservations)
}
