package store_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"order-service/linetest"
	"order-service/order"
	"order-service/store"
	"order-service/store/storetest"
)

// silence is the longest anything may wait for a server that has fallen silent:
// for a connection, for a statement, and as much again for a busy machine.
const silence = 20 * time.Second

// newLine is a line to Postgres, and databaseURL by way of it.
func newLine(t *testing.T, databaseURL string) (*linetest.Line, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	must(t, err)
	line := linetest.New(t, u.Host)
	u.Host = line.Address
	return line, u.String()
}

func TestEveryQueryEndsWhenTheLineFallsSilentAndNewConnectionsAreUsedAfterIt(t *testing.T) {
	shop := newShop(t)
	product := shop.put(t, 10, 1)
	line, url := newLine(t, shop.url)
	s := storetest.Open(t, url)
	line.Freeze()

	var asked sync.WaitGroup
	for name, ask := range queries(s, product.ID) {
		asked.Go(func() {
			begun := time.Now()
			err := ask(context.Background())
			if order.CodeOf(err) != order.CodeUnavailable {
				t.Errorf("%s ended with %v", name, err)
			}
			if took := time.Since(begun); took > silence {
				t.Errorf("%s took %s", name, took)
			}
		})
	}
	if !within(asked.Wait, 2*silence) {
		line.Renew()
		t.Fatal("some of them hang")
	}

	line.Renew()
	begun := time.Now()
	for name, ask := range queries(s, product.ID) {
		for err := ask(context.Background()); err != nil; err = ask(context.Background()) {
			if time.Since(begun) > 2*silence {
				t.Fatalf("%s still fails: %v", name, err)
			}
		}
	}
}

// queries are those that nobody waits for, who would give up.
func queries(s *store.Store, productID string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"ping":     s.Ping,
		"products": func(ctx context.Context) error { _, err := s.Products(ctx); return err },
		"outbox":   func(ctx context.Context) error { _, err := s.ClaimOutbox(ctx, 1, time.Second); return err },
		"deleter":  func(ctx context.Context) error { return s.DeleteOutbox(ctx, []int64{1}) },
		"reap":     func(ctx context.Context) error { _, err := s.HoldFates(ctx, []uuid.UUID{newID()}); return err },
		"overview": func(ctx context.Context) error { _, err := s.Overview(ctx); return err },
		"payments": func(ctx context.Context) error { _, err := s.UnfinishedPayments(ctx, time.Minute, "", 1); return err },
		"snapshot": func(ctx context.Context) error {
			return s.GateSnapshot(ctx, productID, true, func(order.GateChunk) error { return nil })
		},
	}
}

// within reports whether wait returned within d.
func within(wait func(), d time.Duration) bool {
	done := make(chan struct{})
	go func() { defer close(done); wait() }()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

func TestALeaderWhoseLineFallsSilentEndsAndAnotherFollows(t *testing.T) {
	shop := newShop(t)
	line, url := newLine(t, shop.url)
	s := storetest.Open(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	first, second := newTerm(), newTerm()
	go func() { ended <- s.Lead(ctx, "gate", first.run) }()
	first.await(t, first.begun, silence, "nobody leads")
	go func() { ended <- shop.Lead(ctx, "gate", second.run) }()

	line.Freeze()
	first.await(t, first.lost, silence, "the first leader does not notice")
	second.await(t, second.begun, 2*silence, "nobody follows")

	begun := time.Now()
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Lead returned %v", err)
		}
	}
	if took := time.Since(begun); took > silence {
		t.Errorf("the end took %s", took)
	}
}

// It waits for the lock, on a line of its own that falls silent, while another leads.
func TestAFollowerWhoseLineFellSilentLeadsWhenItIsNeeded(t *testing.T) {
	shop := newShop(t)
	line, url := newLine(t, shop.url)
	const follower = "follower"
	s := storetest.Open(t, url+"&application_name="+follower)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	first, second := newTerm(), newTerm()
	leading, resign := context.WithCancel(ctx)
	go func() { ended <- shop.Lead(leading, "gate", first.run) }()
	first.await(t, first.begun, silence, "nobody leads")
	go func() { ended <- s.Lead(ctx, "gate", second.run) }()
	eventually(t, "another waits to follow", func() bool {
		return shop.count(t, `SELECT count(*) FROM pg_stat_activity
			WHERE application_name = '`+follower+`' AND query LIKE '%pg_try_advisory_lock%'`) > 0
	})

	line.Freeze()
	time.Sleep(2 * time.Second) // it asks every second
	line.Renew()
	resign()
	second.await(t, second.begun, 2*silence, "it never leads")

	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Lead returned %v", err)
		}
	}
}

// term is a time of leadership, the first of several where a busy server answers
// a leader too late.
type term struct {
	begun, lost chan struct{}
	once        sync.Once
}

func newTerm() *term { return &term{begun: make(chan struct{}), lost: make(chan struct{})} }

func (m *term) run(ctx context.Context) error {
	m.once.Do(func() {
		close(m.begun)
		<-ctx.Done()
		close(m.lost)
	})
	<-ctx.Done()
	return nil
}

func (m *term) await(t *testing.T, what chan struct{}, d time.Duration, otherwise string) {
	t.Helper()
	select {
	case <-what:
	case <-time.After(d):
		t.Error(otherwise)
	}
}

// The server has made the change when the line falls silent, and waits for a
// commit that never comes.
func TestRowsLockedByAHostThatFellSilentAreFreeSoon(t *testing.T) {
	shop := newShop(t)
	product := shop.put(t, 10, 0)
	one, other := shop.place(t, "one", product.ID, 1), shop.place(t, "other", product.ID, 1)
	line, url := newLine(t, shop.url)
	s := storetest.Open(t, url)
	shop.exec(t, `
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF OLD.order_id = '`+one.String()+`' THEN PERFORM pg_sleep(1); END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER slow BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION slow()`)
	moved := make(chan error, 1)
	go func() { _, err := s.Reserve(t.Context(), one); moved <- err }()
	eventually(t, "the product is locked", func() bool {
		return shop.count(t, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%UPDATE orders o SET%'`) > 0
	})
	line.Freeze()
	begun := time.Now()
	for _, err := shop.Reserve(t.Context(), other); err != nil; _, err = shop.Reserve(t.Context(), other) {
		if time.Since(begun) > 25*time.Second {
			t.Fatalf("the product is still locked: %v", err)
		}
	}
	t.Logf("free after %s", time.Since(begun))
	if err := <-moved; err == nil {
		t.Error("the move that was cut off succeeded")
	}
}

func TestEverySessionIsBoundedUnlessTheURLSaysOtherwise(t *testing.T) {
	shop := newShop(t)
	s := storetest.Open(t, shop.url+"&tcp_keepalives_count=7")
	want := map[string]string{
		"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "3", "tcp_keepalives_count": "7",
		"tcp_user_timeout": "12000", "idle_in_transaction_session_timeout": "10s", "client_connection_check_interval": "5s",
	}
	s.EachPool(func(pool string, db *pgxpool.Pool) {
		for name, value := range want {
			var got string
			must(t, db.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got))
			if got != value {
				t.Errorf("%s: %s is %s, want %s", pool, name, got, value)
			}
		}
	})
}

func TestATransactionThroughAPoolerBringsItsLimitAlong(t *testing.T) {
	limit, err := newShop(t).SharedIdleLimit(t.Context())
	must(t, err)
	if limit != "10s" {
		t.Errorf("idle_in_transaction_session_timeout is %s, want 10s", limit)
	}
}

// The first to meet one of them closes the others as well.
func TestADemotedServersConnectionsAreNotUsedAgain(t *testing.T) {
	const demoted = 3
	shop := newShop(t)
	s, err := store.Open(t.Context(), store.Config{URL: shop.url, MaxConns: demoted, Log: zerolog.Nop()})
	must(t, err)
	t.Cleanup(s.Close)
	put := func() error {
		_, err := s.PutProduct(t.Context(), order.Product{ID: "p", Name: "P", UnitPrice: 1, Currency: "EUR"}, nil)
		return err
	}
	for name, ask := range map[string]func() error{"ping": func() error { return s.Ping(t.Context()) }, "write": put} {
		must(t, s.Degrade(t.Context(), demoted))
		if err := ask(); order.CodeOf(err) != order.CodeUnavailable {
			t.Errorf("%s on a read-only connection: %v", name, err)
		}
		for range demoted {
			if err := ask(); err != nil {
				t.Errorf("%s after it: %v", name, err)
			}
		}
	}
}

func TestAServerThatTakesNoWritesIsRefusedUnlessTheURLSaysOtherwise(t *testing.T) {
	shop := newShop(t)
	readOnly := strings.Replace(shop.url, "options=", "options=-cdefault_transaction_read_only%3Don%20", 1)
	_, err := store.Open(t.Context(), store.Config{URL: readOnly, Log: zerolog.Nop()})
	wantCode(t, err, order.CodeUnavailable)
	s, err := store.Open(t.Context(), store.Config{URL: readOnly + "&target_session_attrs=any", Log: zerolog.Nop()})
	must(t, err)
	s.Close()
}
