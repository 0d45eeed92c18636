package bus

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestLagIsWhatTheGroupHasNotCommitted(t *testing.T) {
	t.Parallel()
	b := openBus(t, newBus(t).cfg) // a bus remembers for a second that its topics were missing
	lag := func() int64 {
		n, err := b.Lag(t.Context())
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if n := lag(); n != 0 {
		t.Errorf("an empty topic has a lag of %d", n)
	}
	publish(t, b, 5)
	if n := lag(); n != 5 {
		t.Errorf("without a group the lag is %d, want all 5", n)
	}
	consumer := NewConsumer(b, newStarter(nil), ConsumerConfig{})
	running(t, consumer.Run, consumer.Stop)
	eventually(t, "the lag is worked off", func() bool { return lag() == 0 })
	if err := consumer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, b, 3)
	if n := lag(); n != 3 {
		t.Errorf("the lag of a group that has stopped is %d, want 3", n)
	}
}

func TestLagWithoutKafkaIsAnErrorInTime(t *testing.T) {
	t.Parallel()
	w := new(wire)
	b := newBus(t, w.into)
	w.cut()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if n, err := b.Lag(ctx); err == nil || time.Since(begun) > 5*time.Second {
		t.Errorf("lag %d, %v after %v", n, err, time.Since(begun))
	}
}

// tally is a meter that remembers.
type tally struct {
	unmetered
	mu    sync.Mutex
	lines []string
}

func (m *tally) note(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, line)
}

func (m *tally) told(line string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.lines, line)
}

func (m *tally) Published(orders int, _ time.Duration, err error) {
	if err == nil && orders == 4 {
		m.note("published")
	} else if err != nil {
		m.note("not published")
	}
}

func (m *tally) SagaStarted(_ time.Duration, err error) {
	switch {
	case err == nil:
		m.note("started")
	case order.Permanent(err):
		m.note("refused")
	default:
		m.note("retried")
	}
}

func (m *tally) DeadLettered() { m.note("dead") }

func (m *tally) Told(to order.Status, since time.Duration) {
	if to == order.Pending && since < time.Minute {
		m.note("told")
	}
}

func (m *tally) Tailed(since time.Duration) {
	if since < time.Minute {
		m.note("tailed")
	}
}

func (m *tally) Connected(err error) {
	if err == nil {
		m.note("connected")
	} else {
		m.note("not connected")
	}
}

func (m *tally) Requested(request string, took time.Duration, err error) {
	if err == nil && took > 0 {
		m.note(request)
	}
}

func (m *tally) ProduceRequest(bytes int) {
	if bytes > 0 {
		m.note("requested")
	}
}

func (m *tally) ProduceBatch(records int) {
	if records > 0 {
		m.note("acknowledged")
	}
}

func TestMeterIsToldOfPublishingAndStarting(t *testing.T) {
	t.Parallel()
	m, w, rows := new(tally), new(wire), newOutbox()
	b := newBus(t, w.into, func(cfg *Config) { cfg.Meter = m })
	relay := startRelay(t, b, rows, RelayConfig{Lease: 300 * time.Millisecond, Pause: 20 * time.Millisecond})
	w.cut()
	relay.Offer(rows.commit(newOrders(4), 300*time.Millisecond))
	eventually(t, "a failure is told", func() bool { return m.told("not published") })
	w.mend()
	eventually(t, "the batch is published", func() bool { return m.told("published") && m.told("requested") && m.told("acknowledged") })

	var once sync.Once
	starter := newStarter(func(context.Context, order.ReservationEvent) (err error) {
		once.Do(func() { err = errors.New("not yet") })
		return err
	})
	startConsumer(t, b, starter, ConsumerConfig{})
	eventually(t, "a retry and a start are told", func() bool { return m.told("retried") && m.told("started") })
	events := newSink()
	startTail(t, b, events)
	progress(t, b, 1)
	eventually(t, "a change is told, and read", func() bool { return m.told("told") && m.told("tailed") })
	eventually(t, "what the clients do is told", func() bool {
		return m.told("connected") && m.told("not connected") && m.told("produce") && m.told("fetch") && m.told("other")
	})
	poison := &kgo.Record{Topic: b.cfg.Topics.Reservations, Key: []byte("key"), Value: []byte("{poison")}
	if err := b.produce(t.Context(), poison); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a dead letter is told", func() bool { return m.told("refused") && m.told("dead") })
}
