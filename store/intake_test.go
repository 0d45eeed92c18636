package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"order-service/batch"
	"order-service/order"
	"order-service/store"
)

// boxes collects what Committed is given.
type boxes struct {
	mu  sync.Mutex
	all []order.OutboxBatch
}

func (b *boxes) add(box order.OutboxBatch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, box)
}

func (b *boxes) orders() map[uuid.UUID]order.Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	orders := map[uuid.UUID]order.Order{}
	for _, box := range b.all {
		for _, o := range box.Orders {
			orders[o.ID] = o
		}
	}
	return orders
}

func TestConcurrentInsertsShareCommitsAndEachGetsItsOwnOrder(t *testing.T) {
	var got boxes
	s := newShopWith(t, store.IntakeConfig{Committed: got.add, Lease: time.Minute})
	const n = 500
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			in := intent(fmt.Sprintf("user-%d", i), "lamp", "")
			accepted, err := s.intake.Insert(t.Context(), in)
			if err != nil || accepted.OrderID != in.ID {
				t.Errorf("got %v, %v, want %v", accepted, err, in.ID)
			}
		})
	}
	wg.Wait()
	if rows := s.count(t, `SELECT count(*) FROM orders`); rows != n {
		t.Fatalf("%d rows, want %d", rows, n)
	}
	batches := s.count(t, `SELECT count(*) FROM outbox`)
	if batches == 0 || batches >= n {
		t.Errorf("%d commits for %d orders: nothing was shared", batches, n)
	}
	if boxed := s.count(t, `SELECT count(DISTINCT boxed) FROM outbox, unnest(order_ids) AS boxed`); boxed != n {
		t.Errorf("%d orders in the outbox, want %d", boxed, n)
	}
	for id, accepted := range got.orders() {
		stored, err := s.Order(t.Context(), id)
		must(t, err)
		if stored != accepted {
			t.Fatalf("accepted as %+v, stored as %+v", accepted, stored)
		}
	}
	if len(got.orders()) != n {
		t.Errorf("Committed got %d orders, want %d", len(got.orders()), n)
	}
}

func TestABadRowFailsAlone(t *testing.T) {
	s := newShopBounded(t, store.IntakeConfig{}, batch.Config{Servers: 1})
	unblock := s.blockOutbox(t)
	bad := map[int]func(*order.Intent){
		3:  func(in *order.Intent) { in.UserID = "nul\x00" },
		9:  func(in *order.Intent) { in.Amount++ },
		15: func(in *order.Intent) { in.UserID = string(make([]byte, 5000)) },
		21: func(in *order.Intent) { in.Quantity = 1 << 40 },
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			in := intent("user", "lamp", "")
			if spoil := bad[i]; spoil != nil {
				spoil(&in)
			}
			_, err := s.intake.Insert(t.Context(), in)
			if _, isBad := bad[i]; isBad {
				if order.CodeOf(err) != order.CodeValidation || errors.Is(err, order.ErrOutcomeUnknown) {
					t.Errorf("bad row %d: %v", i, err)
				}
			} else if err != nil {
				t.Errorf("good row %d: %v", i, err)
			}
		})
	}
	unblock()
	wg.Wait()
	if rows := s.count(t, `SELECT count(*) FROM orders`); rows != 26 {
		t.Fatalf("%d rows, want 26", rows)
	}
}

func TestOneKeyUsedConcurrentlyMakesOneOrder(t *testing.T) {
	s := newShopBounded(t, store.IntakeConfig{}, batch.Config{Servers: 4, MaxBatch: 4})
	other := startIntakeWith(t, s.Store, store.IntakeConfig{}, batch.Config{Servers: 4, MaxBatch: 3}) // another replica
	ids := make([]uuid.UUID, 60)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			intake := s.intake
			if i%2 == 0 {
				intake = other
			}
			got, err := intake.Insert(t.Context(), intent("user", "lamp", fmt.Sprintf("key-%d", i%3)))
			if err != nil {
				t.Error(err)
			}
			ids[i] = got.OrderID
		})
	}
	wg.Wait()
	for i := range ids {
		if ids[i] != ids[i%3] {
			t.Errorf("request %d got order %s, the first one with its key %s", i, ids[i], ids[i%3])
		}
	}
	if rows := s.count(t, `SELECT count(*) FROM orders`); rows != 3 {
		t.Fatalf("%d rows for 3 keys", rows)
	}
	if boxed := s.count(t, `SELECT count(*) FROM outbox, unnest(order_ids)`); boxed != 3 {
		t.Fatalf("%d outbox entries for 3 orders", boxed)
	}
}

func TestAKeyBelongsToItsUserAndReturnsTheFirstHash(t *testing.T) {
	s := newShop(t)
	first := intent("alice", "lamp", "key")
	_, err := s.intake.Insert(t.Context(), first)
	must(t, err)

	again := intent("alice", "lamp", "key")
	again.Hash = order.Request{ProductID: "lamp", Quantity: 2}.Hash()
	got, err := s.intake.Insert(t.Context(), again)
	must(t, err)
	if got.OrderID != first.ID || string(got.Hash) != string(first.Hash) {
		t.Errorf("alice's second request got %v, want the first order", got)
	}
	bob := intent("bob", "lamp", "key")
	got, err = s.intake.Insert(t.Context(), bob)
	must(t, err)
	if got.OrderID != bob.ID {
		t.Error("bob got alice's order")
	}
	found, err := s.intake.lookup(t, "alice", "key")
	if err != nil || found == nil || found.OrderID != first.ID || string(found.Hash) != string(first.Hash) {
		t.Errorf("lookup: %v, %v", found, err)
	}
	if found, err = s.intake.lookup(t, "alice", "other"); found != nil || err != nil {
		t.Errorf("lookup of an unused key: %v, %v", found, err)
	}
	_, err = s.intake.lookup(t, "alice", "nul\x00")
	wantCode(t, err, order.CodeValidation)
}

// Restored, it has no key, and whoever still knows its id finds it by that.
func TestAnOrderThatWasRestoredIsFoundByTheIDOfItsKey(t *testing.T) {
	s := newShop(t)
	in := intent("alice", "lamp", "key")
	must(t, s.Restore(t.Context(), in.Order))
	other := intent("alice", "lamp", "other")
	_, err := s.intake.Insert(t.Context(), other)
	must(t, err)
	for name, c := range map[string]struct {
		key  order.KeyOwner
		want uuid.UUID
		hash []byte
	}{
		"by its id":          {order.KeyOwner{UserID: "alice", Key: "key", OrderID: in.ID}, in.ID, nil},
		"not without":        {order.KeyOwner{UserID: "alice", Key: "key"}, uuid.Nil, nil},
		"not by others":      {order.KeyOwner{UserID: "bob", Key: "key", OrderID: in.ID}, uuid.Nil, nil},
		"nor instead of one": {order.KeyOwner{UserID: "alice", Key: "other", OrderID: in.ID}, other.ID, other.Hash},
		"nor one with a key": {order.KeyOwner{UserID: "alice", Key: "key", OrderID: other.ID}, uuid.Nil, nil},
	} {
		found := s.intake.Lookup(t.Context(), []order.KeyOwner{{UserID: "carol", Key: "key"}, c.key})[1]
		must(t, found.Err)
		var got order.Accepted
		if found.Value != nil {
			got = *found.Value
		}
		if got.OrderID != c.want || !bytes.Equal(got.Hash, c.hash) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnInsertRepeatedUnderItsIDFindsItsOwnRow(t *testing.T) {
	s := newShop(t)
	in := intent("user", "lamp", "")
	for range 2 {
		got, err := s.intake.Insert(t.Context(), in)
		must(t, err)
		if got.OrderID != in.ID {
			t.Fatalf("got %s, want %s", got.OrderID, in.ID)
		}
	}
	in.UserID = "someone else"
	if _, err := s.intake.Insert(t.Context(), in); err == nil {
		t.Fatal("another user's order was returned")
	}
	if boxed := s.count(t, `SELECT count(*) FROM outbox`); boxed != 1 {
		t.Fatalf("%d outbox rows, want 1", boxed)
	}
}

// A storm of reads takes every connection that readers may have. One buyer who
// repeats a key must not make all the others of the batch wait for it.
func TestAKnownKeyInABatchWaitsForNoReader(t *testing.T) {
	s, known := besideReaders(t)
	batch := []order.Intent{intent("alice", "lamp", "key")}
	for i := range 9 {
		batch = append(batch, intent(fmt.Sprint("user-", i), "lamp", "key"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, got := range s.intake.Intake.Insert(ctx, batch) {
		want := batch[i].ID
		if i == 0 {
			want = known.ID
		}
		if got.Err != nil || got.Value.OrderID != want {
			t.Errorf("order %d: got %v, %v, want %v", i, got.Value, got.Err, want)
		}
	}
}

func TestALookUpOfKeysWaitsForNoReader(t *testing.T) {
	s, known := besideReaders(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got := s.intake.Intake.Lookup(ctx, []order.KeyOwner{{UserID: "alice", Key: "key"}, {UserID: "bob", Key: "key"}})
	if got[0].Err != nil || got[0].Value == nil || got[0].Value.OrderID != known.ID {
		t.Errorf("the known key: got %v, %v, want %v", got[0].Value, got[0].Err, known.ID)
	}
	if got[1].Err != nil || got[1].Value != nil {
		t.Errorf("the other's key: got %v, %v, want nothing", got[1].Value, got[1].Err)
	}
}

// besideReaders returns a shop with alice's order under a key, and with readers on
// every connection that they may take.
func besideReaders(t *testing.T) (*shop, order.Intent) {
	t.Helper()
	s := newShop(t)
	known := intent("alice", "lamp", "key")
	_, err := s.intake.Insert(t.Context(), known)
	must(t, err)
	s.occupyReaders(t)
	return s, known
}

// occupyReaders holds every connection but the intake's until the test ends.
func (s *shop) occupyReaders(t *testing.T) {
	t.Helper()
	s.EachPool(func(name string, pool *pgxpool.Pool) {
		for range pool.Config().MaxConns {
			if name != "intake" {
				conn, err := pool.Acquire(t.Context())
				must(t, err)
				t.Cleanup(conn.Release)
			}
		}
	})
}

// The intake's sessions keep their plans. One for known keys that was made before
// the sale began, when there were no orders, would read all of them later.
func TestNoPlanForKnownKeysIsKept(t *testing.T) {
	s := newShop(t)
	for range 2 {
		_, err := s.intake.Insert(t.Context(), intent("alice", "lamp", "key"))
		must(t, err)
	}
	s.EachPool(func(name string, pool *pgxpool.Pool) {
		if name != "intake" {
			return
		}
		for _, conn := range pool.AcquireAllIdle(t.Context()) {
			var reads int
			err := conn.QueryRow(t.Context(), `
				SELECT count(*) FROM pg_prepared_statements WHERE strpos(statement, $1) > 0`, "JOIN orders").Scan(&reads)
			conn.Release()
			if err != nil || reads > 0 {
				t.Errorf("%d plans that read orders are kept (%v)", reads, err)
			}
		}
	})
}

// blockOutbox keeps every insert from finishing until the returned function is
// called.
func (s *shop) blockOutbox(t *testing.T) func() {
	t.Helper()
	tx, err := s.db.Begin(context.Background())
	must(t, err)
	_, err = tx.Exec(context.Background(), `LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE`)
	must(t, err)
	unblock := sync.OnceFunc(func() { _ = tx.Rollback(context.Background()) })
	t.Cleanup(unblock)
	return unblock
}

// blockedBackends are the sessions that wait for a lock on this schema's
// outbox.
const blockedBackends = `SELECT l.pid FROM pg_locks l WHERE l.relation = 'outbox'::regclass AND NOT l.granted`

func (s *shop) awaitBlocked(t *testing.T) {
	t.Helper()
	eventually(t, "an insert waits for the lock", func() bool {
		return s.count(t, `SELECT count(*) FROM (`+blockedBackends+`) b`) > 0
	})
}
