package bus

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestTailHandsOverWhatIsWrittenOnceItIsReady(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	before := progress(t, b, 20)
	events := newSink()
	startTail(t, b, events)
	after := progress(t, b, 100) // enough to meet every partition

	eventually(t, "every event has come", func() bool { return events.hasAll(after) })
	for _, ev := range before {
		if events.count(ev.OrderID) != 0 {
			t.Errorf("event of order %s is older than the tail", ev.OrderID)
		}
	}
	for _, ev := range after {
		if got := events.count(ev.OrderID); got != 1 {
			t.Errorf("event of order %s came %d times", ev.OrderID, got)
		}
	}
	if n := events.resetCount(); n != 1 { // when the position was fixed
		t.Errorf("the sink was reset %d times though nothing was lost", n)
	}
}

func TestTailKeepsTheSequenceOfAnOrder(t *testing.T) {
	t.Parallel()
	b, events := newBus(t), newSink()
	startTail(t, b, events)
	ev := newOrder().First()
	for ; ev.Seq <= 5; ev.Seq++ {
		if err := b.PublishProgress(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all five have come", func() bool { return events.count(ev.OrderID) == 5 })
	for i, got := range events.all() {
		if got.Seq != int64(i+1) {
			t.Errorf("event %d has seq %d", i+1, got.Seq)
		}
	}
}

func TestTailSkipsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	b, events := newBus(t), newSink()
	startTail(t, b, events)
	ev := newOrder().First()
	poison := &kgo.Record{Topic: b.cfg.Topics.Progress, Key: []byte(ev.OrderID.String()), Value: []byte("{")}
	if err := b.produce(t.Context(), poison); err != nil {
		t.Fatal(err)
	}
	if err := b.PublishProgress(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event behind it has come", func() bool { return events.count(ev.OrderID) == 1 })
}

func TestTailReadsNewPartitionsFromTheirStart(t *testing.T) {
	t.Parallel()
	b, events := newBus(t), newSink()
	startTail(t, b, events)
	added, err := b.admin.CreatePartitions(t.Context(), 4, b.cfg.Topics.Progress)
	if err != nil || added.Error() != nil {
		t.Fatal(err, added.Error())
	}
	eventually(t, "the broker knows the new partitions", func() bool { // Apache Kafka answers before it does
		topics, err := b.admin.ListTopics(t.Context(), b.cfg.Topics.Progress)
		return err == nil && len(topics[b.cfg.Topics.Progress].Partitions) == partitions+4
	})
	wider := openBus(t, b.cfg) // learns of all partitions at once
	evs := progress(t, wider, 200)
	if got := endOf(t, wider, b.cfg.Topics.Progress, partitions+3); got == 0 {
		t.Fatal("no event went to a new partition")
	}
	eventually(t, "every event has come", func() bool { return events.hasAll(evs) })
}

func TestTailWaitsForATopic(t *testing.T) {
	t.Parallel()
	b, events := openBus(t, testConfig(t)), newSink()
	tail := runTail(t, b, events)
	if err := b.EnsureTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	receive(t, "readiness", tail.Ready())
	evs := progress(t, b, 10)
	eventually(t, "every event has come", func() bool { return events.hasAll(evs) })
}

func TestTailMissesNothingWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	w, events := new(wire), newSink()
	b := newBus(t, w.into)
	startTail(t, b, events)
	w.cut()
	missed := progress(t, openBus(t, b.cfg, unwired), 30)
	w.mend()
	eventually(t, "every event has come", func() bool { return events.hasAll(missed) })
	if n := events.resetCount(); n != 1 { // when the position was fixed
		t.Errorf("the sink was reset %d times though nothing was lost", n)
	}
}

func TestTailResetsTheSinkWhenEventsAreLost(t *testing.T) {
	t.Parallel()
	w, events := new(wire), newSink()
	b := newBus(t, w.into)
	startTail(t, b, events)
	w.cut()
	direct := openBus(t, b.cfg, unwired)
	progress(t, direct, 50)
	expire(t, direct, b.cfg.Topics.Progress)
	w.mend()

	eventually(t, "the sink is reset", func() bool { return events.resetCount() > 1 })
	after := progress(t, direct, 50)
	eventually(t, "later events have come", func() bool { return events.hasAll(after) })
}

func TestTailResetsTheSinkWhenTheTopicIsReplaced(t *testing.T) {
	t.Parallel()
	b, events := newBus(t), newSink()
	startTail(t, b, events)
	progress(t, b, 5)
	deleteTopic(t, b, b.cfg.Topics.Progress)
	fresh := openBus(t, b.cfg)
	eventually(t, "the topic is back", func() bool {
		return fresh.EnsureTopics(t.Context()) == nil && ended(t, fresh, b.cfg.Topics.Progress) == 0
	})

	eventually(t, "the sink is reset", func() bool { return events.resetCount() > 1 })
	after := progress(t, fresh, 20)
	eventually(t, "later events have come", func() bool { return events.hasAll(after) })
}

// startTail returns once the tail is ready.
func startTail(t *testing.T, b *Bus, s Sink) {
	t.Helper()
	receive(t, "readiness", runTail(t, b, s).Ready())
}

func runTail(t *testing.T, b *Bus, s Sink) *Tail {
	t.Helper()
	tail := NewTail(b, s)
	tail.discover = 200 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	running(t, func(context.Context) error { return tail.Run(ctx) }, func(context.Context) error { cancel(); return nil })
	return tail
}

// progress publishes the first event of n new orders.
func progress(t *testing.T, b *Bus, n int) []order.ProgressEvent {
	t.Helper()
	var publishing sync.WaitGroup
	events := make([]order.ProgressEvent, n)
	for i := range events {
		events[i] = newOrder().First()
		publishing.Go(func() {
			if err := b.PublishProgress(t.Context(), events[i]); err != nil {
				t.Error(err)
			}
		})
	}
	publishing.Wait()
	return events
}

// expire deletes every record of topic, as retention would.
func expire(t *testing.T, b *Bus, topic string) {
	t.Helper()
	ends, err := b.admin.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := b.admin.DeleteRecords(t.Context(), ends.Offsets())
	if err != nil {
		t.Fatal(err)
	}
	deleted.Each(func(r kadm.DeleteRecordsResponse) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	})
}

func endOf(t *testing.T, b *Bus, topic string, partition int32) int64 {
	t.Helper()
	ends, err := b.admin.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := ends.Lookup(topic, partition)
	return o.Offset
}

// sink remembers what a tail hands it.
type sink struct {
	mu     sync.Mutex
	events []order.ProgressEvent
	counts map[uuid.UUID]int
	resets int
}

func newSink() *sink { return &sink{counts: map[uuid.UUID]int{}} }

func (s *sink) Publish(ev order.ProgressEvent) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, ev)
	s.counts[ev.OrderID]++
	return 1
}

func (s *sink) Reset() { s.mu.Lock(); defer s.mu.Unlock(); s.resets++ }

func (s *sink) all() []order.ProgressEvent { s.mu.Lock(); defer s.mu.Unlock(); return s.events }

func (s *sink) resetCount() int { s.mu.Lock(); defer s.mu.Unlock(); return s.resets }

func (s *sink) count(id uuid.UUID) int { s.mu.Lock(); defer s.mu.Unlock(); return s.counts[id] }

func (s *sink) hasAll(events []order.ProgressEvent) bool {
	for _, ev := range events {
		if s.count(ev.OrderID) == 0 {
			return false
		}
	}
	return true
}
