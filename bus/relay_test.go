package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestRelayPublishesBothEventsAndDeletesTheRow(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := startRelay(t, b, rows, RelayConfig{})
	batch := rows.commit(newOrders(20), time.Minute)
	relay.Offer(batch)

	eventually(t, "the row is deleted", rows.empty)
	wantPublishedOnce(t, b, batch)
}

func TestRelayOverflowIsSwept(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := NewRelay(b, rows, RelayConfig{Queue: 3, Claim: 2, Pause: 10 * time.Millisecond})
	var batches []order.OutboxBatch
	for range 9 { // nobody reads yet: one is queued, eight must not block
		batch := rows.commit(newOrders(3), 200*time.Millisecond)
		batches = append(batches, batch)
		relay.Offer(batch)
	}
	running(t, relay.Run, relay.Stop)

	eventually(t, "every row is deleted", rows.empty)
	wantPublished(t, b, batches...)
}

func TestRelaySweepsWhatADeadProcessLeft(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	batch := rows.commit(newOrders(5), 0)
	startRelay(t, b, rows, RelayConfig{})

	eventually(t, "the row is deleted", rows.empty)
	wantPublishedOnce(t, b, batch)
}

func TestRelayPublishesEverythingOnceTheBrokerIsBack(t *testing.T) {
	t.Parallel()
	w, rows := new(wire), newOutbox()
	b := newBus(t, w.into)
	w.cut()
	const lease = 500 * time.Millisecond
	relay := startRelay(t, b, rows, RelayConfig{Lease: lease, Queue: 16, Claim: 4, Pause: 50 * time.Millisecond})
	var batches []order.OutboxBatch
	for range 30 {
		batch := rows.commit(newOrders(4), lease)
		batches = append(batches, batch)
		relay.Offer(batch)
	}
	eventually(t, "leases have run out again and again", func() bool { return rows.claims() > 10 })
	if got := rows.left(); got != len(batches) {
		t.Fatalf("%d of %d rows are left with the broker away", got, len(batches))
	}

	w.mend()
	eventually(t, "every row is deleted", rows.empty)
	wantPublished(t, openBus(t, b.cfg, unwired), batches...)
}

func TestRelayKeepsTheRowWhenADeleteFails(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	rows.failDeletes(1)
	relay := startRelay(t, b, rows, RelayConfig{Lease: 200 * time.Millisecond, Pause: 10 * time.Millisecond})
	batch := rows.commit(newOrders(1), 200*time.Millisecond)
	relay.Offer(batch)

	eventually(t, "a sweep has published and deleted it", rows.empty)
	if got := ended(t, b, b.cfg.Topics.Reservations); got < 2 {
		t.Errorf("published %d times, want again after the failed delete", got)
	}
}

// What is offered while a round is under way shares the next one.
func TestRelayGathersWhatIsOfferedDuringARound(t *testing.T) {
	t.Parallel()
	meter, w, rows := new(counted), new(wire), newOutbox()
	b := newBus(t, w.into, func(cfg *Config) { cfg.Meter = meter })
	relay := startRelay(t, b, rows, RelayConfig{})
	w.cut()
	var batches []order.OutboxBatch
	for range 200 {
		batch := rows.commit(newOrders(1), time.Minute)
		batches = append(batches, batch)
		relay.Offer(batch)
	}
	w.mend()

	eventually(t, "every row is deleted", rows.empty)
	wantPublished(t, b, batches...)
	if got := meter.requests.Load(); got > 20 { // on a slow machine, kgo does not wait for a whole round
		t.Errorf("%d batches took %d requests", len(batches), got)
	}
}

func TestRelayBatchThatFailsLeavesItsRoundAlone(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := NewRelay(b, rows, RelayConfig{})
	batches := offerAroundOneTooLarge(relay, rows, 2<<20) // kgo will not even try
	running(t, relay.Run, relay.Stop)

	eventually(t, "the rows of the others are deleted", func() bool { return rows.left() == 1 })
	wantPublished(t, b, batches...)
}

// A broker refuses all records that a partition is sent at once.
func TestRelayBatchThatABrokerRefusesLeavesItsRoundAlone(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	limit := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: new("20000")}}
	if _, err := b.admin.AlterTopicConfigs(t.Context(), limit, b.cfg.Topics.Reservations); err != nil {
		t.Fatal(err)
	}
	relay := NewRelay(b, rows, RelayConfig{})
	batches := offerAroundOneTooLarge(relay, rows, 100_000)
	running(t, relay.Run, relay.Stop)

	eventually(t, "the rows of the others are deleted", func() bool { return rows.left() == 1 })
	wantPublished(t, b, batches...)
}

// offerAroundOneTooLarge offers batches among which one has an order of more
// than so many bytes, and returns the others.
func offerAroundOneTooLarge(relay *Relay, rows *outbox, size int) (others []order.OutboxBatch) {
	for i := range 9 {
		batch := rows.commit(newOrders(30), time.Minute)
		if i == 4 {
			noise := make([]byte, size/2) // which no codec makes smaller
			_, _ = rand.Read(noise)
			batch.Orders[7].UserID = hex.EncodeToString(noise)
		} else {
			others = append(others, batch)
		}
		relay.Offer(batch)
	}
	return others
}

func TestRelayDeletesManyRowsAtOnce(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := startRelay(t, b, rows, RelayConfig{})
	begun := time.Now()
	for range 100 {
		relay.Offer(rows.commit(newOrders(1), time.Minute))
		time.Sleep(2 * time.Millisecond)
	}
	eventually(t, "every row is deleted", rows.empty)
	if got, most := rows.deletes(), int(time.Since(begun)/deleteAfter)+1; got > most {
		t.Errorf("%d deletes, want at most %d", got, most)
	}
}

func TestRelayLeavesWhatIsLateToTheSweeper(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := startRelay(t, b, rows, RelayConfig{Lease: time.Nanosecond, Pause: 10 * time.Millisecond})
	relay.Offer(rows.commit(newOrders(1), 0))

	eventually(t, "it was claimed again and again", func() bool { return rows.claims() > 5 })
	if got := ended(t, b, b.cfg.Topics.Reservations); got != 0 || rows.left() != 1 {
		t.Errorf("%d orders published after their lease, %d rows left", got, rows.left())
	}
}

func TestRelayPublishesAgainAfterATopicIsGone(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := startRelay(t, b, rows, RelayConfig{Lease: 2 * time.Second, Pause: 50 * time.Millisecond})
	relay.Offer(rows.commit(newOrders(1), time.Minute))
	eventually(t, "the first row is deleted", rows.empty)

	deleteTopic(t, b, b.cfg.Topics.Reservations)
	batch := rows.commit(newOrders(3), 0)
	eventually(t, "the second row is deleted", rows.empty)
	wantPublished(t, b, batch)
}

func TestRelayStopPublishesWhatIsInMemory(t *testing.T) {
	t.Parallel()
	b, rows := newBus(t), newOutbox()
	relay := NewRelay(b, rows, RelayConfig{})
	for range 10 {
		relay.Offer(rows.commit(newOrders(10), time.Minute))
	}
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(context.Background()) }()
	eventually(t, "the relay runs", func() bool { return rows.claims() > 0 })
	for range 10 {
		relay.Offer(rows.commit(newOrders(10), time.Minute))
	}
	for range 2 { // the second finds nothing to do
		if err := relay.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := receive(t, "Run's end", ended); err != nil {
		t.Fatal(err)
	}
	if left := rows.left(); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	relay.Offer(rows.commit(newOrders(1), time.Minute)) // refused without a word
}

func TestRelayStopGivesUpWhenTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	w, rows := new(wire), newOutbox()
	b := newBus(t, w.into)
	w.cut()
	relay := NewRelay(b, rows, RelayConfig{Lease: time.Minute})
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(context.Background()) }()
	relay.Offer(rows.commit(newOrders(1), time.Minute))
	eventually(t, "the relay runs", func() bool { return rows.claims() > 0 })

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := relay.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop returned %v", err)
	}
	receive(t, "Run's end", ended)
	if rows.left() != 1 {
		t.Error("the row of an unpublished batch is gone")
	}
}

func TestRelayStoppedBeforeRunDoesNotRun(t *testing.T) {
	t.Parallel()
	relay := NewRelay(newBus(t), newOutbox(), RelayConfig{})
	if err := relay.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := relay.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func startRelay(t testing.TB, b *Bus, o Outbox, cfg RelayConfig) *Relay {
	t.Helper()
	relay := NewRelay(b, o, cfg)
	running(t, relay.Run, relay.Stop)
	return relay
}

// wantPublishedOnce fails unless both topics have exactly the orders of batch.
func wantPublishedOnce(t *testing.T, b *Bus, batch order.OutboxBatch) {
	t.Helper()
	wantPublished(t, b, batch)
	for _, topic := range []string{b.cfg.Topics.Reservations, b.cfg.Topics.Created} {
		if got := ended(t, b, topic); got != int64(len(batch.Orders)) {
			t.Errorf("%s has %d records, want %d", topic, got, len(batch.Orders))
		}
	}
}

// wantPublished fails unless both topics have every order of batches, once or
// more often.
func wantPublished(t *testing.T, b *Bus, batches ...order.OutboxBatch) {
	t.Helper()
	for _, topic := range []string{b.cfg.Topics.Reservations, b.cfg.Topics.Created} {
		got := keys(readAll(t, b, topic))
		for _, batch := range batches {
			for _, o := range batch.Orders {
				if got[o.ID.String()] == 0 {
					t.Errorf("%s lacks order %s", topic, o.ID)
				}
			}
		}
	}
}

// outbox is an Outbox in memory with the leases of the real one.
type outbox struct {
	mu      sync.Mutex
	rows    map[int64]leased
	last    int64
	claimed int // calls
	deleted int // calls
	fail    int // deletes to fail
}

func newOutbox() *outbox { return &outbox{rows: map[int64]leased{}} }

func (o *outbox) commit(orders []order.Order, lease time.Duration) order.OutboxBatch {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	b := order.OutboxBatch{ID: o.last, Orders: orders}
	o.rows[b.ID] = leased{OutboxBatch: b, until: time.Now().Add(lease)}
	return b
}

func (o *outbox) ClaimOutbox(ctx context.Context, limit int, lease time.Duration) ([]order.OutboxBatch, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.claimed++
	var claimed []order.OutboxBatch
	for id, row := range o.rows {
		if len(claimed) < limit && time.Now().After(row.until) {
			row.until = time.Now().Add(lease)
			o.rows[id] = row
			claimed = append(claimed, row.OutboxBatch)
		}
	}
	return claimed, ctx.Err()
}

func (o *outbox) DeleteOutbox(_ context.Context, ids []int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.deleted++
	if o.fail > 0 {
		o.fail--
		return errors.New("the database is away")
	}
	for _, id := range ids {
		delete(o.rows, id)
	}
	return nil
}

func (o *outbox) failDeletes(n int) { o.mu.Lock(); defer o.mu.Unlock(); o.fail = n }
func (o *outbox) claims() int       { o.mu.Lock(); defer o.mu.Unlock(); return o.claimed }
func (o *outbox) deletes() int      { o.mu.Lock(); defer o.mu.Unlock(); return o.deleted }
func (o *outbox) left() int         { o.mu.Lock(); defer o.mu.Unlock(); return len(o.rows) }
func (o *outbox) empty() bool       { return o.left() == 0 }

// readAll returns everything that is in topic now.
func readAll(t *testing.T, b *Bus, topic string) []*kgo.Record {
	t.Helper()
	return readTopic(t, b, topic, int(ended(t, b, topic)))
}
