package cache

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"order-service/order"
)

func TestSyncPublishesAChangedPrice(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	s.ledger.put(product(func(p *order.Product) { p.UnitPrice, p.Currency = 5, "JPY" }))
	must(t, s.sync.Now(t.Context(), s.ledger.product("shirt")))
	if got := s.hold(request("ann", 1)).UnitPrice; got != (order.Money{Amount: 5, Currency: "JPY"}) {
		t.Fatalf("price = %v", got)
	}
}

func TestSyncPublishesAPriceThatASettleOvertook(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	id := s.accept(request("ann", 1))
	s.ledger.put(product(func(p *order.Product) { p.UnitPrice = 5 }))
	changed := s.ledger.product("shirt")
	s.settle(id, s.reserve(id)) // newer than the change of price, which it does not carry
	must(t, s.sync.Now(t.Context(), changed))
	if got := s.hold(request("ann", 1)).UnitPrice.Amount; got != 5 {
		t.Fatalf("price = %d, want 5", got)
	}
	s.wantStock(9, 1)
}

func TestSyncIgnoresAnOlderProduct(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	old := s.ledger.product("shirt")
	s.ledger.restock("shirt", 5)
	must(t, s.sync.Now(t.Context(), s.ledger.product("shirt")))
	old.UnitPrice = 1
	must(t, s.sync.Now(t.Context(), old))
	s.wantStock(15, 0)
	if got := s.hold(request("ann", 1)).UnitPrice.Amount; got != 1999 {
		t.Fatalf("price = %d", got)
	}
}

func TestSyncFinishesALostSettle(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	s.reserve(s.accept(request("ann", 3)))
	must(t, s.sync.round(t.Context(), false))
	s.wantStock(7, 3)
	must(t, s.sync.round(t.Context(), true))
	s.wantStock(7, 0)
}

func TestSyncCorrectsABuyerWhoseReleaseWasLost(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(limit(2))
	id := s.accept(request("ann", 2))
	s.settle(id, s.reserve(id))
	s.ledger.cancel(id)
	s.refused(request("ann", 1), order.CodePurchaseLimit)
	s.round()
	s.hold(request("ann", 2))
}

// It is a lost settle that makes the publication needed, and the trouble that lost
// it may not be over.
func TestSyncCorrectsABuyerThoughAPublicationFailed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(limit(2))
	id := s.accept(request("ann", 2))
	s.settle(id, s.reserve(id))
	s.ledger.cancel(id)
	s.ledger.snapshotFails = errors.New("no database")
	if err := s.sync.round(t.Context(), false); !errors.Is(err, s.ledger.snapshotFails) {
		t.Fatalf("round = %v", err)
	}
	s.refused(request("ann", 1), order.CodePurchaseLimit)
	s.ledger.snapshotFails = nil
	s.round()
	s.hold(request("ann", 2))
}

// The same where the product was to be rebuilt, which stands for a publication.
func TestSyncCorrectsABuyerThoughARebuildFailed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product(limit(2)))
	s.ledger.snapshotFails = errors.New("no database")
	if err := s.sync.round(t.Context(), false); !errors.Is(err, s.ledger.snapshotFails) {
		t.Fatalf("round = %v", err)
	}
	if done, known := s.sync.full["shirt"]; known {
		t.Errorf("%+v counts as published", done)
	}
	// With a silent Postgres each snapshot lasts until it is given up.
	if s.ledger.snapshots != 1 {
		t.Errorf("%d snapshots in one round", s.ledger.snapshots)
	}
}

// There may be millions of them, and what they say the gate knows.
func TestSyncReadsNoHoldsForAProductThatIsThere(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product(limit(5)))
	s.round()
	s.accept(request("ann", 2))
	bob := s.accept(request("bob", 1))
	s.settle(bob, s.reserve(bob))
	s.ledger.put(product(limit(4)))
	s.round()
	if s.ledger.held > 0 {
		t.Errorf("%d holds were read", s.ledger.held)
	}
	flush(t, s.gate)
	s.round()
	if s.ledger.held == 0 {
		t.Error("none was read where the gate had lost them")
	}
}

func TestSyncCountsEarlierUnitsWhenALimitIsSet(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	id := s.accept(request("ann", 2))
	s.settle(id, s.reserve(id))
	s.hold(request("ann", 2))
	for range 2 { // set, lifted and set again
		s.ledger.put(product(limit(5)))
		must(t, s.sync.Now(t.Context(), s.ledger.product("shirt")))
		s.refused(request("ann", 2), order.CodePurchaseLimit)
		s.ledger.put(product())
		must(t, s.sync.Now(t.Context(), s.ledger.product("shirt")))
		s.settle(id, s.ledger.confirm(id))
	}
	s.hold(request("ann", 2))
	s.wantStock(8, 4)
}

func TestSyncPublishesManyProductsInBatches(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i := range 2*maxBatch + 1 {
		s.ledger.put(product(func(p *order.Product) { p.ID = fmt.Sprint("p", i) }))
	}
	s.round()
	s.round()
	for _, id := range []string{"p0", fmt.Sprint("p", 2*maxBatch)} {
		if _, ok, err := stockOf(t.Context(), s.gate, id); !ok || err != nil {
			t.Fatalf("%s: %v, %v", id, ok, err)
		}
	}
}

func TestRunPublishesAndReapsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.sync.Run(ctx) }()
	eventually(t, func() bool {
		_, ok, _ := stockOf(t.Context(), s.gate, "shirt")
		return ok
	})
	cancel()
	must(t, <-ended)
}

func TestRunGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product())
	s.ledger.failing = errors.New("no database")
	if err := s.sync.round(t.Context(), true); !errors.Is(err, s.ledger.failing) {
		t.Fatalf("round = %v", err)
	}
	s.ledger.failing = nil
	s.round()
	s.wantStock(10, 0)
}

func TestRebuildRestoresUsersAndHoldsOfPendingOrders(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(limit(4))
	reserved, pending := s.accept(request("ann", 1)), s.accept(request("ann", 2))
	s.settle(reserved, s.reserve(reserved))
	flush(t, s.gate)
	s.round()
	s.wantStock(9, 2)
	s.refused(request("ann", 2), order.CodePurchaseLimit)
	s.hold(request("ann", 1))
	s.settle(pending, s.reserve(pending))
	s.wantStock(7, 1)
}

func TestRebuildRefusesHoldsUntilItIsDone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product(limit(5)))
	s.ledger.insert(request("ann", 2))
	s.ledger.between = func() { s.refused(request("bob", 1), order.CodePriceUnavailable) }
	s.round()
	s.wantStock(10, 2)
	s.ledger.between = nil
	s.hold(request("bob", 1))
}

func TestRebuildStartedLastWins(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product(limit(5)))
	orders := []order.HoldRequest{request("ann", 2), request("bob", 1)}
	for _, r := range orders {
		s.ledger.insert(r)
	}
	// Another replica begins in the middle of ours, and the world moves on
	// between the two snapshots.
	s.ledger.between = func() {
		s.ledger.between = nil
		s.reserve(orders[0].OrderID)
		must(t, s.sync.rebuild(t.Context(), "shirt"))
	}
	must(t, s.sync.rebuild(t.Context(), "shirt"))
	s.wantStock(8, 1)
	s.refused(request("ann", 4), order.CodePurchaseLimit)
}

func TestRebuildEndsWhenItIsFlushed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product(limit(5)))
	s.ledger.insert(request("ann", 2))
	flushes := 0
	s.ledger.between = func() {
		if flushes++; flushes == 2 {
			flush(t, s.gate)
		}
	}
	must(t, s.sync.rebuild(t.Context(), "shirt"))
	s.refused(request("bob", 1), order.CodePriceUnavailable)
	s.round()
	s.wantStock(10, 2)
}

func TestRebuildLeavesASettledOrdersHoldToReap(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.put(product())
	r := request("ann", 3)
	s.ledger.insert(r)
	settled := false
	s.ledger.between = func() {
		if !settled {
			settled = true
			s.settle(r.OrderID, s.reserve(r.OrderID)) // the product is still absent
		}
	}
	must(t, s.sync.rebuild(t.Context(), "shirt"))
	s.wantStock(10, 3) // stale, but no unit is free twice
	s.round()
	s.wantStock(7, 0)
}

func TestReapKeepsPendingOrdersAndDropsUnwrittenOnes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	s.accept(request("ann", 1))
	s.hold(request("bob", 2)) // crashed before the insert
	s.ledger.cancel(s.accept(request("cid", 3)))
	s.round()
	s.wantStock(10, 1)
}

func TestReapLooksOnlyAtOldHoldsAndAtEachOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := request("ann", 1)
	s.hold(r)
	s.sync.age = holdAge
	s.round()
	s.wantStock(10, 1)
	// As if half a minute had passed, with a ledger that does not answer.
	s.grow(r.OrderID)
	if ids := s.old(); len(ids) != 1 || ids[0] != r.OrderID.String() {
		t.Fatalf("reap lists %v", ids)
	}
	if ids := s.old(); len(ids) != 0 {
		t.Fatalf("a second reap lists %v too", ids)
	}
}

// What waits for a worker has old holds, and all of them may be older than the one
// that nobody will write an order for.
func TestReapComesToTheEndOfALongLine(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(3000))
	var line []uuid.UUID
	for range 2*reapPass + 1 {
		line = append(line, s.accept(request("ann", 1)))
	}
	s.grow(line...)
	dead := request("bob", 1)
	s.hold(dead) // crashed before the insert
	younger := redis.Z{Score: 1, Member: dead.OrderID.String()}
	must(t, s.redis().ZAddXX(t.Context(), s.gate.keys("shirt")[2], younger).Err())
	s.sync.age = holdAge
	s.round()
	s.wantStock(3000, int64(len(line)))
}

// Between the list of reap and its end the buyer comes again, and is told 202.
func TestReapLeavesAHoldWhoseKeyComesAgainMeanwhile(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := keyed(request("ann", 1), "k")
	s.hold(r) // crashed before the insert
	s.grow(r.OrderID)
	s.sync.age = holdAge
	s.ledger.reaping = func() {
		r.Retry = true
		s.hold(r)
	}
	s.round()
	s.wantStock(10, 1)
	s.ledger.reaping = nil
	s.ledger.insert(r)
	s.round()
	s.wantStock(10, 1)
}

// A hold that a retry has found is as young as any other.
func TestReapGivesARetryAsMuchTimeAsAFirstRequest(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := keyed(request("ann", 1), "k")
	s.hold(r)
	s.grow(r.OrderID)
	r.Retry = true
	s.hold(r)
	if ids := s.old(); len(ids) != 0 {
		t.Fatalf("reap lists %v", ids)
	}
}

// grow makes holds as old as can be.
func (s *shop) grow(ids ...uuid.UUID) {
	s.Helper()
	for _, id := range ids {
		old := redis.Z{Score: 0, Member: id.String()}
		must(s, s.redis().ZAddXX(s.Context(), s.gate.keys("shirt")[2], old).Err())
	}
}

// old runs reap.lua and returns the ids it lists.
func (s *shop) old() []any {
	s.Helper()
	reply, err := s.gate.runOne(s.Context(), s.gate.call(s.gate.scripts.reap, "shirt", holdAge.Milliseconds(), reapPass))
	must(s, err)
	fields := reply.([]any)
	if fields[0] != "sound" {
		s.Fatalf("reap = %v", fields)
	}
	return fields[2:]
}

func TestReapRebuildsAProductThatLostAKey(t *testing.T) {
	t.Parallel()
	for i, lost := range []string{"product", "holds", "ages", "users", "inflight"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.sell(limit(3))
			reserved := s.accept(request("ann", 1))
			s.settle(reserved, s.reserve(reserved))
			s.accept(request("ann", 1))
			must(t, s.redis().Del(t.Context(), s.gate.keys("shirt")[i]).Err())
			s.round()
			s.round()
			s.wantStock(9, 1)
			if lost != "users" { // found when the product changes next
				s.refused(request("ann", 2), order.CodePurchaseLimit)
			}
		})
	}
}

func TestALargeRebuildGoesInParts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	n := entriesPerCall + 1
	p := product(stock(int64(2*n)), limit(1))
	users, holds := map[string]int64{}, []order.GateHold(nil)
	for i := range n {
		users[fmt.Sprint("owner", i)] = 1
		holds = append(holds, order.GateHold{OrderID: uuid.New(), UserID: fmt.Sprint("buyer", i), Quantity: 1})
	}
	large := chunks{&ledger{}, []order.GateChunk{{Product: &p, Users: users}, {Holds: holds}}}
	must(t, NewSync(s.gate, large, zerolog.Nop()).rebuild(t.Context(), p.ID))
	s.wantStock(int64(2*n), int64(n))
	s.refused(request("owner0", 1), order.CodePurchaseLimit)
	s.refused(request(fmt.Sprint("buyer", n-1), 1), order.CodePurchaseLimit)
}

// chunks is a ledger with a snapshot of its own.
type chunks struct {
	*ledger
	list []order.GateChunk
}

func (c chunks) GateSnapshot(_ context.Context, _ string, _ bool, yield func(order.GateChunk) error) error {
	for _, chunk := range c.list {
		if err := yield(chunk); err != nil {
			return err
		}
	}
	return nil
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}
