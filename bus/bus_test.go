package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"order-service/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEnsureTopicsLetsReplicasRace(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := openBus(t, cfg)
	var replicas sync.WaitGroup
	for range 4 {
		replicas.Go(func() {
			if err := b.EnsureTopics(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	other := openBus(t, cfg) // b remembers for a second that they were missing
	for _, topic := range b.topics() {
		eventually(t, topic+" has its partitions", func() bool { // Apache Kafka answers before its brokers know
			topics, err := other.admin.ListTopics(t.Context(), topic)
			return err == nil && topics[topic].Err == nil && len(topics[topic].Partitions) == partitions
		})
	}
}

func TestPingTellsWhetherKafkaIsThere(t *testing.T) {
	t.Parallel()
	w := new(wire)
	b := openBus(t, testConfig(t), w.into)
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.cut()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := b.Ping(ctx); order.CodeOf(err) != order.CodeUnavailable {
		t.Fatalf("Ping over a cut wire returned %v", err)
	}
}

// testConfig names topics and a group that no other test uses.
func testConfig(t testing.TB) Config {
	t.Helper()
	brokers := os.Getenv("KAFKA_BOOTSTRAP")
	if brokers == "" {
		t.Fatal("KAFKA_BOOTSTRAP is not set")
	}
	prefix := "bus-test-" + uuid.NewString() + "."
	return Config{
		Brokers: strings.Split(brokers, ","),
		Topics: Topics{
			Reservations: prefix + "orders.reservations",
			Created:      prefix + "orders.created",
			Progress:     prefix + "order.progress",
		},
		Group: prefix + "order-saga",
		Log:   zerolog.New(newTestLog(t)).Level(zerolog.WarnLevel),
	}
}

// testLog writes to a test's log until the test ends. Some of kgo's goroutines
// outlive Close by a moment, and a test does not bear being told anything then.
type testLog struct {
	mu sync.Mutex
	t  testing.TB // nil when the test has ended
}

func newTestLog(t testing.TB) *testLog {
	l := &testLog{t: t}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.t = nil
	})
	return l
}

func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Log(strings.TrimSpace(string(line)))
	}
	return len(line), nil
}

// openBus opens a Bus that is closed with the test.
func openBus(t testing.TB, cfg Config, opts ...func(*Config)) *Bus {
	t.Helper()
	for _, opt := range opts {
		opt(&cfg)
	}
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// newBus opens a Bus whose topics exist.
func newBus(t testing.TB, opts ...func(*Config)) *Bus {
	t.Helper()
	b := openBus(t, testConfig(t), opts...)
	if err := b.EnsureTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// wire is the way to the brokers. While it is cut, connections break and none
// can be made; while it is mute, what is written is swallowed. The client
// under test knows no other way.
type wire struct {
	mu    sync.Mutex
	down  bool
	muted atomic.Bool
	conns []net.Conn
}

// wiredConn is one connection through a wire.
type wiredConn struct {
	net.Conn
	wire *wire
}

func (c wiredConn) Write(p []byte) (int, error) {
	if c.wire.muted.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (w *wire) into(cfg *Config) { cfg.Dial = w.dial }

// unwired dials as in production.
func unwired(cfg *Config) { cfg.Dial = nil }

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil, errors.New("the wire is cut")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.conns = append(w.conns, conn)
	return wiredConn{conn, w}, nil
}

func (w *wire) mute() { w.muted.Store(true) }

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
	w.muted.Store(false)
}

// newOrder returns an order as the store hands it out: times in UTC, whole
// milliseconds.
func newOrder() order.Order {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return order.Order{
		ID: uuid.Must(uuid.NewV7()), UserID: "user-1", ProductID: "product-1", Quantity: 2,
		UnitPrice: 1999, Amount: 3998, Currency: "EUR", Status: order.Pending, Seq: 1,
		CreatedAt: now, UpdatedAt: now,
	}
}

func newOrders(n int) []order.Order {
	orders := make([]order.Order, n)
	for i := range orders {
		orders[i] = newOrder()
	}
	return orders
}

// readTopic returns the first n records of topic, from all partitions.
func readTopic(t *testing.T, b *Bus, topic string, n int) []*kgo.Record {
	t.Helper()
	client, err := b.client(kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s has %d records, want %d", topic, len(records), n)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// ended counts the records of topic that were ever written.
func ended(t *testing.T, b *Bus, topic string) int64 {
	t.Helper()
	listed, err := b.admin.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	listed.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

func deleteTopic(t *testing.T, b *Bus, topic string) {
	t.Helper()
	if _, err := b.admin.DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok; what says what is waited for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// receive returns the next value from ch.
func receive[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// running runs a part and stops it with the test; stop may be called earlier.
func running(t testing.TB, run func(context.Context) error, stop func(context.Context) error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- run(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func keys(records []*kgo.Record) map[string]int {
	count := map[string]int{}
	for _, r := range records {
		count[string(r.Key)]++
	}
	return count
}

func headerOf(t *testing.T, r *kgo.Record, key string) string {
	t.Helper()
	value, ok := header(r, key)
	if !ok {
		t.Fatalf("record has no header %s: %s", key, fmt.Sprint(r.Headers))
	}
	return value
}
