package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

func TestHoldTakesUnitsAtThePricePublished(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := request("ann", 3)
	held := s.hold(r)
	want := order.Held{OrderID: r.OrderID, UnitPrice: order.Money{Amount: 1999, Currency: "EUR"}}
	if held.OrderID != want.OrderID || held.UnitPrice != want.UnitPrice || held.Seen {
		t.Fatalf("Hold = %+v, want %+v", held, want)
	}
	s.wantStock(10, 3)
}

func TestHoldKeepsTheLargestPriceExact(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(order.MaxStock), func(p *order.Product) { p.UnitPrice = order.MaxAmount - 1 })
	if got := s.hold(request("ann", 1)).UnitPrice.Amount; got != order.MaxAmount-1 {
		t.Fatalf("price = %d", got)
	}
	s.wantStock(order.MaxStock, 1)
}

func TestHoldRepeatedChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(3), limit(3))
	r := keyed(request("ann", 3), "k")
	for range 3 {
		s.hold(r)
		s.wantStock(3, 3)
		r.Retry = true
	}
}

// An order without a key has no id that could come again. Were its hold repeated
// all the same, no unit may stay counted twice.
func TestAHoldRepeatedUnderANewIDIsRebuilt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(3))
	r := request("ann", 1)
	s.hold(r)
	s.ledger.insert(r)
	s.hold(r)
	s.refused(request("bob", 1), order.CodePriceUnavailable)
	s.round()
	s.wantStock(3, 1)
}

func TestHoldUnderAKnownIDTakesTheNewQuantity(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(3), limit(3))
	r := keyed(request("ann", 1), "k")
	s.hold(r)
	r.Quantity, r.Retry = 3, true
	s.hold(r)
	s.wantStock(3, 3)
	r.Quantity = 4
	s.refused(r, order.CodePurchaseLimit)
	s.wantStock(3, 0)
}

func TestHoldRefusesWithoutAPrice(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.refused(request("ann", 1), order.CodePriceUnavailable)
	s.sell()
	flush(t, s.gate)
	s.refused(request("ann", 1), order.CodePriceUnavailable)
}

func TestHoldRefusesAnotherPriceThanTheBuyerSaw(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := request("ann", 1)
	r.UnitPrice = new(int64(1998))
	s.refused(r, order.CodePriceChanged)
	r.UnitPrice = new(int64(1999))
	s.hold(r)
}

// Who is refused for good orders anew. So what may be in its commit is not refused,
// until its hold is given back.
func TestARetryIsNotRefusedForAnotherPriceWhileItsFirstRequestHoldsUnits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := keyed(request("ann", 1), "k")
	r.UnitPrice = new(int64(1999))
	first := s.hold(r)
	s.sell(func(p *order.Product) { p.UnitPrice = 2100 })
	r.Retry = true
	s.refused(r, order.CodeOutcomeUnknown)
	s.wantStock(10, 1)
	s.drop(first)
	s.refused(r, order.CodePriceChanged)
}

func TestHoldRefusesOutsideTheSale(t *testing.T) {
	t.Parallel()
	hour := time.Now().Add(time.Hour)
	ago := hour.Add(-2 * time.Hour)
	epoch := time.Unix(0, 0)
	for name, test := range map[string]struct {
		starts, ends time.Time
		open         bool
	}{
		"no window":      {open: true},
		"within":         {starts: ago, ends: hour, open: true},
		"begun, no end":  {starts: ago, open: true},
		"not begun":      {starts: hour},
		"ended":          {ends: ago},
		"begun, ended":   {starts: ago.Add(-time.Hour), ends: ago},
		"end, no begin":  {ends: hour, open: true},
		"begins, no end": {starts: hour},
		"ended in 1970":  {ends: epoch}, // as the store reads what was long before
		"begun in 1970":  {starts: epoch, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.sell(func(p *order.Product) { p.StartsAt, p.EndsAt = test.starts, test.ends })
			if test.open {
				s.hold(request("ann", 1))
			} else {
				s.refused(request("ann", 1), order.CodeSaleClosed)
			}
		})
	}
}

func TestHoldCountsOwnedAndHeldUnitsAgainstTheLimit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(limit(3))
	first := s.accept(request("ann", 1))
	s.settle(first, s.reserve(first))
	s.hold(request("ann", 1))
	s.refused(request("ann", 2), order.CodePurchaseLimit)
	s.hold(request("ann", 1))
	s.refused(request("ann", 1), order.CodePurchaseLimit)
	s.hold(request("bob", 3))
}

func TestHoldRefusesMoreThanIsFreeAndStillSellsTheRest(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(2))
	s.refused(request("ann", 3), order.CodeSoldOut)
	s.hold(request("bob", 2))
	s.refused(request("cid", 1), order.CodeSoldOut)
}

func TestHoldSeesTheKeyBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(1))
	first := keyed(request("ann", 1), "k")
	s.hold(first)
	flushProduct(s)
	again := keyed(request("ann", 2), "k")
	held := s.hold(again)
	if !held.Seen || held.OrderID != first.OrderID || string(held.Hash) != string(first.Hash) {
		t.Fatalf("Hold = %+v, want the first request %s", held, first.OrderID)
	}
	// The known id goes on without the key, and meets the other checks.
	again.OrderID, again.Retry = first.OrderID, true
	s.refused(again, order.CodePriceUnavailable)
}

// flushProduct makes the product absent and keeps the idempotency keys.
func flushProduct(s *shop) {
	s.Helper()
	must(s, s.redis().Del(s.Context(), s.gate.keys("shirt")...).Err())
}

func TestHoldRefusedRemembersNoKey(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(1))
	s.refused(keyed(request("ann", 2), "k"), order.CodeSoldOut)
	if held := s.hold(keyed(request("ann", 1), "k")); held.Seen {
		t.Fatal("a refused request's key was remembered")
	}
}

func TestHoldRetriedAfterItsDropHoldsUnderTheSameID(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := keyed(request("ann", 2), "k")
	s.hold(r)
	s.drop(order.Held{OrderID: r.OrderID})
	s.wantStock(10, 0)
	if held := s.hold(r); held.Seen {
		t.Fatal("an order saw its own key")
	}
	s.wantStock(10, 2)
}

// A failing database lets one keyed order after the other fail, each at once.
func TestHoldsOfOrdersThatFailedAreFreeAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	for _, key := range []string{"a", "b", "c"} {
		s.drop(s.hold(keyed(request("ann", 2), key)))
	}
	s.wantStock(10, 0)
	s.wantNoKeyHeld("a", "b", "c")
}

// wantNoKeyHeld repeats requests under keys whose holds were dropped: each takes
// its units anew, and they are its own to give back.
func (s *shop) wantNoKeyHeld(keys ...string) {
	s.Helper()
	for _, key := range keys {
		r := keyed(request("ann", 2), key)
		r.OrderID, r.Retry = s.hold(r).OrderID, true
		held := s.hold(r)
		if held.TakenAt == 0 {
			s.Fatalf("the hold of %s is still there", key)
		}
		s.drop(held)
	}
	s.wantStock(10, 0)
}

// However fast it comes: all of it may be in one millisecond.
func TestAHoldThatARetryHasFoundIsNotDroppedByWhoTookIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	for range 20 {
		r := keyed(request("ann", 1), "k")
		first := s.hold(r)
		r.Retry = true
		if found := s.hold(r); first.TakenAt == 0 || found.TakenAt != 0 {
			t.Fatalf("first %+v, then %+v", first, found)
		}
		s.drop(first)
		s.wantStock(10, 1)
		s.drop(order.Held{OrderID: r.OrderID}) // there will be no order under this id
		s.wantStock(10, 0)
		flush(t, s.gate)
		s.round()
	}
}

// The drop of the first is still in the queue when its retry takes the units.
func TestALateDropLeavesWhatWasTakenSince(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := keyed(request("ann", 1), "k")
	first := s.hold(r)
	r.Retry = true
	s.hold(r)
	s.gate.drops.add("shirt", first.OrderID, first.TakenAt)
	s.gate.drops.close() // what was queued has been tried
	s.wantStock(10, 1)
}

func TestKeysOfDifferentUsersNeverMeet(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	s.hold(keyed(request("a:b", 1), "c"))
	if held := s.hold(keyed(request("a", 1), "b:c")); held.Seen {
		t.Fatal("two users share a key")
	}
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	s.hold(keyed(request("ann", 1), "k"))
	left, err := s.redis().TTL(t.Context(), s.gate.idempotencyKey("shirt", "ann", "k")).Result()
	if err != nil || left <= 0 || left > keyLife*time.Second {
		t.Fatalf("key lives %v, %v", left, err)
	}
}

func TestConcurrentHoldsNeverTakeMoreThanTheStock(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(50))
	if admitted := s.rush(200, func(i int) string { return fmt.Sprint("user", i) }); admitted != 50 {
		t.Fatalf("%d admitted, want 50", admitted)
	}
	s.wantStock(50, 50)
}

func TestConcurrentHoldsOfOneUserStopAtTheLimit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(50), limit(4))
	if admitted := s.rush(40, func(int) string { return "ann" }); admitted != 4 {
		t.Fatalf("%d admitted, want 4", admitted)
	}
}

// rush holds one unit for each of n callers at once, through two gates as two
// replicas would, and returns how many were admitted.
func (s *shop) rush(n int, user func(int) string) int64 {
	second := openGate(s.T, redisURL(s), s.gate.prefix)
	var admitted atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		gate := []*Gate{s.gate, second}[i%2]
		all.Go(func() {
			_, err := gate.holdOne(context.Background(), request(user(i), 1))
			switch order.CodeOf(err) {
			case "":
				admitted.Add(1)
			case order.CodeSoldOut, order.CodePurchaseLimit:
			default:
				s.Error(err)
			}
		})
	}
	all.Wait()
	return admitted.Load()
}

func TestSoldOutIsRememberedButNotForKeys(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(1))
	seen := keyed(request("ann", 1), "k")
	s.hold(seen)
	s.refused(request("bob", 1), order.CodeSoldOut)
	s.gate.soldOut.until["shirt"] = time.Now().Add(time.Hour)
	flush(t, s.gate)
	s.refused(request("bob", 1), order.CodeSoldOut) // from memory: Redis has no price
	s.refused(keyed(request("bob", 1), "k"), order.CodePriceUnavailable)
}

func TestSoldOutIsForgottenWhenUnitsReturn(t *testing.T) {
	t.Parallel()
	returns := map[string]func(*shop, uuid.UUID){
		"by drop":   func(s *shop, id uuid.UUID) { s.drop(order.Held{OrderID: id}) },
		"by settle": func(s *shop, id uuid.UUID) { s.settle(id, s.ledger.cancel(id)) },
		"by sync": func(s *shop, _ uuid.UUID) {
			s.ledger.restock("shirt", 1)
			must(s, s.sync.Now(s.Context(), s.ledger.product("shirt")))
		},
	}
	for name, back := range returns {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.sell(stock(1))
			id := s.accept(request("ann", 1))
			s.refused(request("bob", 1), order.CodeSoldOut)
			s.gate.soldOut.until["shirt"] = time.Now().Add(time.Hour)
			back(s, id)
			s.hold(request("bob", 1))
		})
	}
}

func TestSoldOutMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := newSoldOut()
	for i := range 3 * soldOutProducts {
		m.note(fmt.Sprint(i), int64(0))
		if len(m.until) > soldOutProducts {
			t.Fatalf("%d products remembered", len(m.until))
		}
	}
}
