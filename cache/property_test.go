package cache

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"order-service/order"
)

// TestGateNeverOversellsAndAgreesWithTheLedgerOnceQuiet plays random
// interleavings of buyers, workers, crashes, lost and reordered settles,
// flushes, syncs and reaps on the real Redis against a model of the ledger.
func TestGateNeverOversellsAndAgreesWithTheLedgerOnceQuiet(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sync.age = holdAge
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, s)
		rt.Repeat(map[string]func(*rapid.T){
			"":          w.check,
			"business":  w.business,
			"business2": w.business, // most of the time, nothing breaks
			"business3": w.business,
			"fail":      w.fail,
			"late":      w.late,
			"lose":      w.lose,
			"restock":   w.restock,
			"crash":     w.crash,
			"flush":     w.flush,
			"sync":      w.syncAll,
			"syncRace":  w.syncRacing,
			"reap":      w.reap,
		})
		w.quieten(rt)
	})
}

// world is everything in motion: what processes have in memory, the gate in
// Redis and the ledger.
type world struct {
	s        *shop
	inFlight []flight            // held, not yet inserted; two under one id where a key came again
	orphans  []flight            // the same, after a flush took the hold
	keyed    []order.HoldRequest // were held under a key, which may come again
	settles  []settlement        // on their way, in any order
	lossy    bool                // an orphan was inserted: the gate could not know
}

// flight is a request with the hold it has.
type flight struct {
	order.HoldRequest
	held order.Held
}

type settlement struct {
	id uuid.UUID
	st order.Stock
}

var (
	worldUsers = []string{"ann", "bob", "c|d"}
	worldKeys  = []string{"", "", "k1", "k2"}
)

func newWorld(rt *rapid.T, s *shop) *world {
	w := &world{s: s}
	*s.ledger = ledger{products: map[string]*order.Product{}, orders: map[uuid.UUID]*row{}}
	clear(s.sync.full)
	w.wipe(rt)
	units := rapid.Int64Range(0, 8).Draw(rt, "stock")
	perUser := rapid.SampledFrom([]int{0, 4}).Draw(rt, "limit")
	s.ledger.put(product(stock(units), limit(perUser)))
	w.syncAll(rt)
	return w
}

// wipe is a FLUSHALL.
func (w *world) wipe(rt *rapid.T) {
	keys := w.s.gate.keys("shirt")
	for _, user := range worldUsers {
		for _, key := range worldKeys {
			keys = append(keys, w.s.gate.idempotencyKey("shirt", user, key))
		}
	}
	ok(rt, w.s.redis().Del(context.Background(), keys...).Err())
}

func ok(rt *rapid.T, err error) {
	rt.Helper()
	if err != nil {
		rt.Fatal(err)
	}
}

// take removes a random element.
func take[T any](rt *rapid.T, from *[]T) (T, bool) {
	if len(*from) == 0 {
		var none T
		return none, false
	}
	i := rapid.IntRange(0, len(*from)-1).Draw(rt, "which")
	got := (*from)[i]
	*from = slices.Delete(*from, i, i+1)
	return got, true
}

// business is a few ordinary moves of buyers and workers.
func (w *world) business(rt *rapid.T) {
	moves := []func(*rapid.T){w.hold, w.hold, w.repeat, w.abandon, w.insert, w.insert, w.reserve, w.reserve, w.confirm, w.cancel, w.settle, w.settle}
	for _, move := range rapid.SliceOfN(rapid.SampledFrom(moves), 1, 12).Draw(rt, "moves") {
		move(rt)
		w.check(rt)
	}
}

// hold is a buyer's request.
func (w *world) hold(rt *rapid.T) {
	r := request(rapid.SampledFrom(worldUsers).Draw(rt, "user"), rapid.IntRange(1, 3).Draw(rt, "quantity"))
	w.place(rt, keyed(r, rapid.SampledFrom(worldKeys).Draw(rt, "key")))
}

// repeat is a buyer's request that comes again.
func (w *world) repeat(rt *rapid.T) {
	if len(w.keyed) > 0 {
		r := rapid.SampledFrom(w.keyed).Draw(rt, "which")
		r.OrderID, r.Retry = uuid.Must(uuid.NewV7()), false
		w.place(rt, r)
	}
}

// place is a request as intake plays it.
func (w *world) place(rt *rapid.T, r order.HoldRequest) {
	w.s.gate.soldOut.forget("shirt")
	held, err := w.s.gate.holdOne(context.Background(), r)
	if held.Seen {
		r.OrderID, r.Retry = held.OrderID, true
		if w.s.ledger.orders[r.OrderID] != nil || w.runs(r.OrderID) && !bytes.Equal(held.Hash, r.Hash) {
			return // 202 with the first order; or the key is another body's
		}
		held, err = w.s.gate.holdOne(context.Background(), r)
	}
	switch order.CodeOf(err) {
	case "":
		w.inFlight = append(w.inFlight, flight{r, held})
		if r.Key != "" {
			w.keyed = append(w.keyed, r)
		}
	case order.CodeSoldOut, order.CodePurchaseLimit, order.CodePriceUnavailable:
	case order.CodeOutcomeUnknown: // a gate that has lost the product, but not the hold
		if !r.Retry {
			rt.Fatal(err)
		}
	default:
		rt.Fatal(err)
	}
}

// runs reports whether a request under this id is under way.
func (w *world) runs(id uuid.UUID) bool {
	is := func(f flight) bool { return f.OrderID == id }
	return slices.ContainsFunc(w.inFlight, is) || slices.ContainsFunc(w.orphans, is)
}

func (w *world) insert(rt *rapid.T) {
	if f, some := take(rt, &w.inFlight); some {
		w.s.ledger.insert(f.HoldRequest)
	}
}

// abandon is a request whose process has died, or whose outcome is unknown: its
// order is not there, and nobody gives its hold back.
func (w *world) abandon(rt *rapid.T) { take(rt, &w.inFlight) }

// fail is an insert that certainly failed. What a retry found is not its own to
// give back.
func (w *world) fail(rt *rapid.T) {
	f, some := take(rt, &w.inFlight)
	if !some {
		f, some = take(rt, &w.orphans)
	}
	if some && f.held.TakenAt != 0 {
		ok(rt, w.s.gate.Drop(context.Background(), "shirt", f.held))
	}
}

// late inserts an order whose hold was flushed under it. Redis no longer knows
// of it, so only the ledger stands between it and overselling.
func (w *world) late(rt *rapid.T) {
	if f, some := take(rt, &w.orphans); some && rapid.IntRange(0, 3).Draw(rt, "late") == 0 {
		w.s.ledger.insert(f.HoldRequest)
		w.lossy = true
	}
}

// inState picks a random order in one of the states.
func (w *world) inState(rt *rapid.T, states ...order.Status) (uuid.UUID, bool) {
	var ids []uuid.UUID
	for _, o := range w.s.ledger.sorted() {
		if slices.Contains(states, o.state) {
			ids = append(ids, o.OrderID)
		}
	}
	return take(rt, &ids)
}

func (w *world) reserve(rt *rapid.T) {
	if id, some := w.inState(rt, order.Pending); some {
		w.reserveOne(rt, id)
	}
}

func (w *world) reserveOne(rt *rapid.T, id uuid.UUID) {
	st, err := w.s.ledger.reserve(id)
	if err != nil && !w.lossy {
		rt.Fatalf("the gate admitted an order for which %v", err)
	}
	w.settles = append(w.settles, settlement{id, st})
}

func (w *world) confirm(rt *rapid.T) {
	if id, some := w.inState(rt, order.InventoryReserved); some {
		w.settles = append(w.settles, settlement{id, w.s.ledger.confirm(id)})
	}
}

func (w *world) cancel(rt *rapid.T) {
	if id, some := w.inState(rt, order.Pending, order.InventoryReserved); some {
		w.settles = append(w.settles, settlement{id, w.s.ledger.cancel(id)})
	}
}

// settle delivers one settle, perhaps not for the last time.
func (w *world) settle(rt *rapid.T) {
	if one, some := take(rt, &w.settles); some {
		ok(rt, w.s.gate.Settle(context.Background(), one.id, one.st))
		if rapid.IntRange(0, 3).Draw(rt, "again") == 0 {
			w.settles = append(w.settles, one)
		}
	}
}

func (w *world) lose(rt *rapid.T) { take(rt, &w.settles) }

func (w *world) restock(rt *rapid.T) {
	w.s.ledger.restock("shirt", rapid.Int64Range(1, 3).Draw(rt, "units"))
}

// crash ends every process: what they had in memory is gone.
func (w *world) crash(*rapid.T) { w.inFlight, w.orphans, w.settles = nil, nil, nil }

func (w *world) flush(rt *rapid.T) {
	w.wipe(rt)
	w.orphan()
}

// orphan notes that no hold in flight is in Redis any more.
func (w *world) orphan() {
	w.orphans = append(w.orphans, w.inFlight...)
	w.inFlight = nil
}

func (w *world) syncAll(rt *rapid.T) { ok(rt, w.s.sync.round(context.Background(), false)) }

// syncRacing lets the world move on while snapshots are read and published.
func (w *world) syncRacing(rt *rapid.T) {
	if rapid.Bool().Draw(rt, "flushed") {
		w.flush(rt)
	}
	w.s.ledger.between = w.meanwhile(rt, w.flush, w.syncAll)
	w.syncAll(rt)
	w.s.ledger.between = nil
}

// meanwhile is one ordinary move, or one of others, for while the ledger is being
// read.
func (w *world) meanwhile(rt *rapid.T, others ...func(*rapid.T)) func() {
	acts := append(others, func(*rapid.T) {}, w.hold, w.repeat, w.insert, w.fail, w.reserve, w.cancel, w.settle)
	return func() {
		between := w.s.ledger.between
		w.s.ledger.between = nil // what happens between does not nest
		rapid.SampledFrom(acts).Draw(rt, "meanwhile")(rt)
		w.check(rt)
		w.s.ledger.between = between
	}
}

// reap finds every hold old but those whose requests are under way, and some of
// those come again at that moment.
func (w *world) reap(rt *rapid.T) {
	w.grow(rt)
	w.s.ledger.reaping = w.meanwhile(rt, w.flush, w.repeat, w.repeat)
	ok(rt, w.s.sync.round(context.Background(), true))
	w.s.ledger.reaping = nil
}

// grow makes the holds old that no request under way has.
func (w *world) grow(rt *rapid.T) {
	ages := w.s.gate.keys("shirt")[2]
	ids, err := w.s.redis().ZRange(context.Background(), ages, 0, -1).Result()
	ok(rt, err)
	for _, id := range ids {
		if !w.runs(uuid.MustParse(id)) {
			ok(rt, w.s.redis().ZAddXX(context.Background(), ages, redis.Z{Score: 0, Member: id}).Err())
		}
	}
}

// check is what holds at every moment.
func (w *world) check(rt *rapid.T) {
	l := w.s.ledger.product("shirt").Ledger
	if l.Available < 0 || l.Total != l.Available+l.Reserved+l.Confirmed {
		rt.Fatalf("ledger %+v", l)
	}
	got, there, err := stockOf(context.Background(), w.s.gate, "shirt")
	ok(rt, err)
	if !there {
		return
	}
	if sum := w.sumOfHolds(rt); got.Held != sum {
		rt.Fatalf("held is %d, the holds are %d", got.Held, sum)
	}
	if free := l.Available - w.promised(); !w.lossy && got.Available-got.Held > free {
		rt.Fatalf("the gate has %+v free, really there are %d", got, free)
	}
}

// promised are the units that orders and running requests will ask of the
// ledger.
func (w *world) promised() (units int64) {
	for _, o := range w.s.ledger.orders {
		if o.state == order.Pending {
			units += int64(o.Quantity)
		}
	}
	counted := map[uuid.UUID]bool{} // two of one key mean one order
	for _, f := range w.inFlight {
		if !counted[f.OrderID] && w.s.ledger.orders[f.OrderID] == nil {
			counted[f.OrderID] = true
			units += int64(f.Quantity)
		}
	}
	return units
}

func (w *world) sumOfHolds(rt *rapid.T) (sum int64) {
	values, err := w.s.redis().HVals(context.Background(), w.s.gate.keys("shirt")[1]).Result()
	ok(rt, err)
	for _, value := range values {
		sum += leadingNumber(rt, value)
	}
	return sum
}

// leadingNumber reads the n of "n|…".
func leadingNumber(rt *rapid.T, value string) (n int64) {
	_, err := fmt.Sscanf(value, "%d|", &n)
	ok(rt, err)
	return n
}

// quieten crashes everything, lets the worker finish what was accepted while
// every settle is lost, and expects the next sync and reap to put all right.
func (w *world) quieten(rt *rapid.T) {
	for {
		w.crash(rt)
		id, some := w.inState(rt, order.Pending)
		if !some {
			break
		}
		w.reserveOne(rt, id)
	}
	w.crash(rt)
	w.grow(rt)
	ok(rt, w.s.sync.round(context.Background(), true))
	p := w.s.ledger.product("shirt")
	got, there, err := stockOf(context.Background(), w.s.gate, "shirt")
	ok(rt, err)
	want := order.GateStock{Version: p.Version, Available: p.Ledger.Available}
	if !there || got != want {
		rt.Fatalf("the quiet gate has %+v, want %+v", got, want)
	}
	if p.PerUserLimit > 0 {
		w.checkUsers(rt)
	}
}

// checkUsers compares the units that buyers own with the ledger, by what the
// gate still lets each of them hold.
func (w *world) checkUsers(rt *rapid.T) {
	w.s.ledger.restock("shirt", 100)
	w.syncAll(rt)
	w.s.gate.soldOut.forget("shirt")
	p := w.s.ledger.product("shirt")
	for _, user := range worldUsers {
		owned := int(w.s.ledger.units("shirt")[user])
		over := request(user, p.PerUserLimit-owned+1)
		if _, err := w.s.gate.holdOne(context.Background(), over); order.CodeOf(err) != order.CodePurchaseLimit {
			rt.Fatalf("%s owns %d and may hold too many: %v", user, owned, err)
		}
		if owned < p.PerUserLimit {
			_, err := w.s.gate.holdOne(context.Background(), request(user, p.PerUserLimit-owned))
			ok(rt, err)
		}
	}
}
