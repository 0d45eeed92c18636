package cache

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"order-service/order"
)

func TestMain(m *testing.M) {
	// After a failed dial the pool itself probes the server; Close ends that
	// goroutine at its next look, up to a second later.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func redisURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("REDIS_URL")
	if url == "" {
		t.Fatal("REDIS_URL is not set: this test needs a Redis")
	}
	return url
}

// shop is a gate on the real Redis under a prefix of its own, with a model of
// the ledger behind it.
type shop struct {
	*testing.T
	gate   *Gate
	ledger *ledger
	sync   *Sync
}

func newShop(t *testing.T) *shop {
	t.Helper()
	g := openGate(t, redisURL(t), "test-"+uuid.NewString()+":")
	l := newLedger()
	s := NewSync(g, l, zerolog.New(zerolog.NewTestWriter(t)))
	// Every hold is old enough and every change worth a full publication.
	s.age, s.refresh = 0, 0
	return &shop{T: t, gate: g, ledger: l, sync: s}
}

func openGate(t *testing.T, url, prefix string) *Gate {
	t.Helper()
	// A loaded machine must not turn an answer into a timeout.
	g, err := Open(Config{URL: url, Prefix: prefix, Timeout: 10 * time.Second, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		flush(t, g)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// flush deletes the keys under the gate's prefix: a FLUSHALL for this test.
func flush(t testing.TB, g *Gate) {
	t.Helper()
	ctx := context.Background()
	scan := g.patient.Scan(ctx, 0, g.prefix+"*", 1000).Iterator()
	for scan.Next(ctx) {
		must(t, g.patient.Del(ctx, scan.Val()).Err())
	}
	must(t, scan.Err())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// product returns 10 units at 1999 EUR, changed by the given functions.
func product(change ...func(*order.Product)) order.Product {
	p := order.Product{ID: "shirt", Name: "Shirt", UnitPrice: 1999, Currency: "EUR"}
	p.Ledger = order.Ledger{Total: 10, Available: 10}
	for _, f := range change {
		f(&p)
	}
	return p
}

func stock(units int64) func(*order.Product) {
	return func(p *order.Product) { p.Ledger = order.Ledger{Total: units, Available: units} }
}

func limit(units int) func(*order.Product) {
	return func(p *order.Product) { p.PerUserLimit = units }
}

// sell puts a product into the ledger and publishes it.
func (s *shop) sell(change ...func(*order.Product)) {
	s.Helper()
	s.ledger.put(product(change...))
	must(s, s.sync.Now(s.Context(), s.ledger.product("shirt")))
}

func request(user string, quantity int) order.HoldRequest {
	return order.HoldRequest{
		OrderID: uuid.Must(uuid.NewV7()),
		Request: order.Request{UserID: user, ProductID: "shirt", Quantity: quantity},
	}
}

// keyed gives r an Idempotency-Key.
func keyed(r order.HoldRequest, key string) order.HoldRequest {
	r.Key = key
	r.Hash = r.Request.Hash()
	return r
}

// holdOne holds for one request, as the intake does for many.
func (g *Gate) holdOne(ctx context.Context, r order.HoldRequest) (order.Held, error) {
	if err := g.Refusal(r); err != nil {
		return order.Held{}, err
	}
	result := g.Hold(ctx, []order.HoldRequest{r})[0]
	return result.Value, result.Err
}

func (s *shop) hold(r order.HoldRequest) order.Held {
	s.Helper()
	held, err := s.gate.holdOne(s.Context(), r)
	must(s, err)
	return held
}

func (s *shop) drop(held order.Held) {
	s.Helper()
	must(s, s.gate.Drop(s.Context(), "shirt", held))
}

func (s *shop) refused(r order.HoldRequest, code order.Code) {
	s.Helper()
	held, err := s.gate.holdOne(s.Context(), r)
	if order.CodeOf(err) != code {
		s.Fatalf("Hold = %+v, %v; want %s", held, err, code)
	}
}

// accept holds units and writes the order.
func (s *shop) accept(r order.HoldRequest) uuid.UUID {
	s.Helper()
	s.hold(r)
	s.ledger.insert(r)
	return r.OrderID
}

func (s *shop) reserve(id uuid.UUID) order.Stock {
	s.Helper()
	st, err := s.ledger.reserve(id)
	must(s, err)
	return st
}

func (s *shop) settle(id uuid.UUID, st order.Stock) {
	s.Helper()
	must(s, s.gate.Settle(s.Context(), id, st))
}

// wantStock compares the gate's copy without its version.
func (s *shop) wantStock(available, held int64) {
	s.Helper()
	got := s.stock()
	if got.Available != available || got.Held != held {
		s.Fatalf("gate has %d available, %d held; want %d, %d", got.Available, got.Held, available, held)
	}
}

func stockOf(ctx context.Context, g *Gate, productID string) (order.GateStock, bool, error) {
	stocks, err := g.Stocks(ctx, productID)
	stock, known := stocks[productID]
	return stock, known, err
}

func (s *shop) stock() order.GateStock {
	s.Helper()
	got, ok, err := stockOf(s.Context(), s.gate, "shirt")
	must(s, err)
	if !ok {
		s.Fatal("the product is absent")
	}
	return got
}

func (s *shop) round() {
	s.Helper()
	must(s, s.sync.round(s.Context(), true))
}

func (s *shop) redis() redis.UniversalClient { return s.gate.patient }
