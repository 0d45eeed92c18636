package bus

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestConsumerStartsEverySagaAndCommits(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	orders := publish(t, b, 50)
	starts := newStarter(nil)
	startConsumer(t, b, starts, ConsumerConfig{Poll: 7, Concurrency: 3})

	eventually(t, "every offset is committed", func() bool { return committed(t, b) == int64(len(orders)) })
	for _, o := range orders {
		if got := starts.count(o.ID); got != 1 {
			t.Errorf("order %s was started %d times", o.ID, got)
		}
	}
}

func TestConsumerHandsOverTheEvent(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	want := publish(t, b, 1)[0].Reservation()
	starts := make(chan order.ReservationEvent, 1)
	startConsumer(t, b, newStarter(func(_ context.Context, ev order.ReservationEvent) error {
		starts <- ev
		return nil
	}), ConsumerConfig{})
	if got := receive(t, "the start", starts); got != want {
		t.Errorf("started %+v, published %+v", got, want)
	}
}

func TestConsumerDoesNotAdvanceWhileSagasCannotBeStarted(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	orders := publish(t, b, 5)
	away := newSwitch()
	starts := newStarter(func(context.Context, order.ReservationEvent) error { return away.err() })
	startConsumer(t, b, starts, ConsumerConfig{Patience: 300 * time.Millisecond})

	eventually(t, "a poll was put back and read again", func() bool { return starts.count(orders[0].ID) > 6 })
	if got := committed(t, b); got != 0 {
		t.Fatalf("%d offsets are committed, nothing was started", got)
	}
	away.off()
	eventually(t, "every offset is committed", func() bool { return committed(t, b) == int64(len(orders)) })
}

// A Temporal that cannot start a poll's sagas within a consumer's patience, and
// takes as long to say of those it has started that it has.
func TestConsumerGetsOnWithATemporalThatIsTooSlowForAPoll(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	orders := publish(t, b, 24)
	starts := newStarter(func(ctx context.Context, _ order.ReservationEvent) error {
		if ctx.Err() == nil {
			time.Sleep(50 * time.Millisecond)
			return nil
		}
		return ctx.Err()
	})
	startConsumer(t, b, starts, ConsumerConfig{Concurrency: 1, Patience: 400 * time.Millisecond})

	eventually(t, "every offset is committed", func() bool { return committed(t, b) == int64(len(orders)) })
	for _, o := range orders {
		if starts.count(o.ID) == 0 {
			t.Errorf("order %s was not started", o.ID)
		}
	}
}

func TestConsumerCommitsNoOrderThatWasNotStarted(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	orders := publish(t, b, 10)
	stuck := newSwitch()
	starts := newStarter(func(_ context.Context, ev order.ReservationEvent) error {
		if ev.OrderID == orders[3].ID {
			return stuck.err()
		}
		return nil
	})
	startConsumer(t, b, starts, ConsumerConfig{})

	eventually(t, "the others are started", func() bool {
		return !slices.ContainsFunc(orders, func(o order.Order) bool { return starts.count(o.ID) == 0 })
	})
	waiting := readRecord(t, b, orders[3].ID)
	if got := committedIn(t, b, waiting.Partition); got > waiting.Offset {
		t.Errorf("partition %d is committed to %d before its order at %d was started", waiting.Partition, got, waiting.Offset)
	}
	stuck.off()
	eventually(t, "every offset is committed", func() bool { return committed(t, b) == int64(len(orders)) })
}

func TestConsumerDeadLettersWhatCanNeverBeStarted(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	poison := &kgo.Record{Topic: b.cfg.Topics.Reservations, Key: []byte("key"), Value: []byte("{poison")}
	huge := &kgo.Record{Topic: b.cfg.Topics.Reservations, Key: []byte("huge"), Value: bytes.Repeat([]byte("x"), 900<<10)}
	if err := b.produce(t.Context(), poison, huge); err != nil {
		t.Fatal(err)
	}
	refused := publish(t, b, 1)[0]
	starts := newStarter(func(context.Context, order.ReservationEvent) error {
		return order.Errorf(order.CodeConflict, "The order is another's.")
	})
	startConsumer(t, b, starts, ConsumerConfig{})

	dead := map[string]*kgo.Record{}
	for _, r := range readTopic(t, b, b.cfg.Topics.Reservations+".dlq", 3) {
		dead[string(r.Key)] = r
	}
	wantDeadLetter(t, dead["key"], poison, poison.Value, "malformed-json")
	wantDeadLetter(t, dead["huge"], huge, huge.Value[:maxDeadValue], "validation")
	original := readRecord(t, b, refused.ID)
	wantDeadLetter(t, dead[refused.ID.String()], original, original.Value, "conflict")
	if got := headerOf(t, dead[refused.ID.String()], headerType); got != order.ReservationEventType {
		t.Errorf("the dead letter's event-type is %q", got)
	}
	eventually(t, "every offset is committed", func() bool { return committed(t, b) == 3 })
}

// stopDuring runs a consumer and stops it during the first start, which goes on
// when release is closed.
func stopDuring(t *testing.T, consumer *Consumer, entered, release chan struct{}) {
	t.Helper()
	running(t, consumer.Run, consumer.Stop)
	receive(t, "the start", entered)
	stopped := make(chan error, 1)
	go func() { stopped <- consumer.Stop(context.Background()) }()
	<-consumer.life.taking.Done()
	close(release)
	if err := receive(t, "the stop", stopped); err != nil {
		t.Fatal(err)
	}
}

func TestConsumerStopFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	publish(t, b, 1)
	entered, release := make(chan struct{}), make(chan struct{})
	consumer := NewConsumer(b, newStarter(func(ctx context.Context, _ order.ReservationEvent) error {
		close(entered)
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}), ConsumerConfig{})
	stopDuring(t, consumer, entered, release)
	if got := committed(t, b); got != 1 {
		t.Errorf("%d offsets are committed, want that of the saga that was being started", got)
	}
}

func TestConsumerThatIsStoppedBeginsWithNoFurtherSaga(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	orders := publish(t, b, 20)
	entered, release := make(chan struct{}, len(orders)), make(chan struct{})
	consumer := NewConsumer(b, newStarter(func(context.Context, order.ReservationEvent) error {
		entered <- struct{}{}
		<-release
		return nil
	}), ConsumerConfig{Concurrency: 1})
	stopDuring(t, consumer, entered, release)
	if more := len(entered); more > 0 {
		t.Errorf("%d more sagas were started", more)
	}
	if got := committed(t, b); got < 1 {
		t.Errorf("%d offsets are committed, want that of the saga that was being started", got)
	}
}

func TestConsumerRedeliversAfterARestart(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	orders := publish(t, b, 4)
	failed := make(chan struct{}, 1000)
	first := NewConsumer(b, newStarter(func(context.Context, order.ReservationEvent) error {
		failed <- struct{}{}
		return errors.New("Temporal is away")
	}), ConsumerConfig{})
	running(t, first.Run, first.Stop)
	receive(t, "an attempt", failed)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	starts := newStarter(nil)
	startConsumer(t, b, starts, ConsumerConfig{})
	eventually(t, "every offset is committed", func() bool { return committed(t, b) == int64(len(orders)) })
	for _, o := range orders {
		if starts.count(o.ID) != 1 {
			t.Errorf("order %s was started %d times after the restart", o.ID, starts.count(o.ID))
		}
	}
}

func TestConsumersOfAGroupShareTheWork(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	starts := newStarter(nil)
	for range 2 {
		startConsumer(t, b, starts, ConsumerConfig{})
	}
	orders := publish(t, b, 60)
	eventually(t, "every offset is committed", func() bool { return committed(t, b) == int64(len(orders)) })
	for _, o := range orders {
		if starts.count(o.ID) == 0 {
			t.Errorf("order %s was not started", o.ID)
		}
	}
}

func TestConsumerSurvivesABrokerThatGoesAway(t *testing.T) {
	t.Parallel()
	w := new(wire)
	b := newBus(t, w.into)
	direct := openBus(t, b.cfg, unwired)
	starts := newStarter(nil)
	startConsumer(t, b, starts, ConsumerConfig{})
	publish(t, direct, 3)
	eventually(t, "the first orders are committed", func() bool { return committed(t, direct) == 3 })

	w.cut()
	publish(t, direct, 3)
	w.mend()
	eventually(t, "the others are committed", func() bool { return committed(t, direct) == 6 })
}

func TestConsumerWaitsForATopic(t *testing.T) {
	t.Parallel()
	b := openBus(t, testConfig(t))
	startConsumer(t, b, newStarter(nil), ConsumerConfig{})
	fresh := openBus(t, b.cfg)
	if err := fresh.EnsureTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, fresh, 5)
	eventually(t, "every offset is committed", func() bool { return committed(t, fresh) == 5 })
}

func TestConsumerStopsInTimeWhenTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	w := new(wire)
	b := newBus(t, w.into)
	starts := newStarter(nil)
	consumer := NewConsumer(b, starts, ConsumerConfig{})
	running(t, consumer.Run, consumer.Stop)
	publish(t, b, 3)
	eventually(t, "the orders are committed", func() bool { return committed(t, b) == 3 })
	w.cut()

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_ = consumer.Stop(ctx) // an error or none: it had no work to give up
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("Stop took %v", took)
	}
}

// A member that was killed keeps the group waiting for the end of its session;
// whoever joins meanwhile hears nothing until then.
func TestConsumerThatWaitsForADeadMemberStopsInTime(t *testing.T) {
	t.Parallel()
	w := new(wire)
	doomed := newBus(t, w.into)
	dead := NewConsumer(doomed, newStarter(nil), ConsumerConfig{})
	running(t, dead.Run, dead.Stop)
	publish(t, doomed, 3)
	eventually(t, "the doomed member works", func() bool { return committed(t, doomed) == 3 })
	w.cut()

	b := openBus(t, doomed.cfg, unwired)
	consumer := NewConsumer(b, newStarter(nil), ConsumerConfig{})
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(t.Context()) }()
	time.Sleep(500 * time.Millisecond) // to be waiting in JoinGroup; stopping earlier is stopping, too
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := consumer.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestConsumerReadsATopicThatWasReplaced(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	starts := newStarter(nil)
	startConsumer(t, b, starts, ConsumerConfig{})
	publish(t, b, 1)
	eventually(t, "the first order is committed", func() bool { return committed(t, b) == 1 })

	deleteTopic(t, b, b.cfg.Topics.Reservations)
	fresh := openBus(t, b.cfg) // knows nothing of the topic that was
	eventually(t, "the topic is back", func() bool {
		return fresh.EnsureTopics(t.Context()) == nil && ended(t, fresh, b.cfg.Topics.Reservations) == 0
	})
	orders := publish(t, fresh, 5)
	eventually(t, "the new topic's orders are started", func() bool {
		return !slices.ContainsFunc(orders, func(o order.Order) bool { return starts.count(o.ID) == 0 })
	})
}

func startConsumer(t *testing.T, b *Bus, s Starter, cfg ConsumerConfig) {
	t.Helper()
	consumer := NewConsumer(b, s, cfg)
	running(t, consumer.Run, consumer.Stop)
}

func publish(t *testing.T, b *Bus, n int) []order.Order {
	t.Helper()
	orders := newOrders(n)
	if err := b.produce(t.Context(), b.encodeOrders(orders, sends{})...); err != nil {
		t.Fatal(err)
	}
	return orders
}

// committed counts the reservations that the group has behind it.
func committed(t *testing.T, b *Bus) int64 {
	t.Helper()
	var sum int64
	for p := range int32(partitions) {
		sum += committedIn(t, b, p)
	}
	return sum
}

func committedIn(t *testing.T, b *Bus, partition int32) int64 {
	t.Helper()
	offsets, err := b.admin.FetchOffsets(t.Context(), b.cfg.Group)
	if err != nil {
		return 0 // no group yet
	}
	o, _ := offsets.Lookup(b.cfg.Topics.Reservations, partition)
	return o.At
}

func readRecord(t *testing.T, b *Bus, id uuid.UUID) *kgo.Record {
	t.Helper()
	for _, r := range readAll(t, b, b.cfg.Topics.Reservations) {
		if string(r.Key) == id.String() {
			return r
		}
	}
	t.Fatalf("no record of order %s", id)
	return nil
}

func wantDeadLetter(t *testing.T, dead, original *kgo.Record, value []byte, code string) {
	t.Helper()
	if dead == nil {
		t.Fatalf("%s has no dead letter", original.Key)
	}
	if !bytes.Equal(dead.Value, value) {
		t.Errorf("%s: the dead letter has another value, %d bytes", original.Key, len(dead.Value))
	}
	for key, want := range map[string]string{
		"topic":     original.Topic,
		"partition": strconv.Itoa(int(original.Partition)),
		"offset":    strconv.FormatInt(original.Offset, 10),
	} {
		if got := headerOf(t, dead, key); got != want {
			t.Errorf("%s: header %s is %q, want %q", original.Key, key, got, want)
		}
	}
	if got := headerOf(t, dead, "reason"); len(got) < len(code) || got[:len(code)] != code {
		t.Errorf("%s: reason %q, want code %s", original.Key, got, code)
	}
}

// starter counts what it is asked to start.
type starter struct {
	start func(context.Context, order.ReservationEvent) error // nil succeeds
	mu    sync.Mutex
	calls map[uuid.UUID]int
}

func newStarter(start func(context.Context, order.ReservationEvent) error) *starter {
	return &starter{start: start, calls: map[uuid.UUID]int{}}
}

func (s *starter) Start(ctx context.Context, ev order.ReservationEvent) error {
	s.mu.Lock()
	s.calls[ev.OrderID]++
	s.mu.Unlock()
	if s.start == nil {
		return nil
	}
	return s.start(ctx, ev)
}

func (s *starter) count(id uuid.UUID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

// failing is an error that can be switched off.
type failing struct{ ended chan struct{} }

func newSwitch() failing { return failing{make(chan struct{})} }

func (f failing) off() { close(f.ended) }

func (f failing) err() error {
	select {
	case <-f.ended:
		return nil
	default:
		return order.Errorf(order.CodeUnavailable, "Temporal is away.")
	}
}
