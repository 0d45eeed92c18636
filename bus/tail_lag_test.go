package bus

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestPositionTellsWhoStandsStillFromWhoKeepsUp(t *testing.T) {
	now := time.Now()
	var at position
	at.place(map[int32]int64{0: 10, 1: 5})
	want := func(in time.Duration, ends map[int32]int64, events int64, since time.Duration) {
		t.Helper()
		if e, s := at.behind(ends, now.Add(in)); e != events || s != since {
			t.Errorf("%d events for %v, want %d for %v", e, s, events, since)
		}
	}
	want(0, map[int32]int64{0: 10, 1: 5}, 0, 0)
	want(time.Minute, map[int32]int64{0: 13, 1: 6}, 4, 0) // they may have come a moment ago
	want(2*time.Minute, map[int32]int64{0: 20, 1: 6}, 11, time.Minute)
	at.pass(fetched(0, 12))
	want(3*time.Minute, map[int32]int64{0: 20, 1: 6}, 8, 2*time.Minute) // partition 1 still stands
	at.pass(fetched(1, 5))
	want(4*time.Minute, map[int32]int64{0: 20, 1: 6, 2: 4}, 11, 0) // it keeps up, and a partition is new
}

// fetched is what a poll returns that ends with the record at offset.
func fetched(partition int32, offset int64) kgo.Fetches {
	return kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: "t", Partitions: []kgo.FetchPartition{
		{Partition: partition, Records: []*kgo.Record{{Partition: partition, Offset: offset}}},
	}}}}}
}

func TestTailIsPlacedWhileItFollows(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	tail := NewTail(b, newSink())
	if _, _, err := tail.Behind(t.Context()); err == nil || tail.Ping(t.Context()) == nil {
		t.Error("placed before it runs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- tail.Run(ctx) }()
	<-tail.Ready()
	if err := tail.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	progress(t, b, 3)
	eventually(t, "all events are handed on", func() bool {
		events, since, err := tail.Behind(t.Context())
		return err == nil && events == 0 && since == 0
	})
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if tail.Ping(t.Context()) == nil {
		t.Error("placed after it has ended")
	}
}

func TestConsumerSaysWhetherItIsAMember(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	consumer := NewConsumer(b, newStarter(nil), ConsumerConfig{})
	if consumer.Ping(t.Context()) == nil {
		t.Error("a member before it runs")
	}
	running(t, consumer.Run, consumer.Stop)
	eventually(t, "it is a member", func() bool { return consumer.Ping(t.Context()) == nil })
	if err := consumer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if consumer.Ping(t.Context()) == nil {
		t.Error("a member after it has stopped")
	}
}
