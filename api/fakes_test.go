package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"order-service/batch"
	"order-service/intake"
	"order-service/order"
)

// shop is everything behind the handlers, in memory. Its fields may be set
// before the server starts or, under mu, afterwards.
type shop struct {
	mu       sync.Mutex
	orders   map[uuid.UUID]order.Order
	keys     map[string]order.Accepted // rows by user and Idempotency-Key
	gateKeys map[string]order.Held     // the gate's copy
	holds    map[uuid.UUID]order.HoldRequest
	products map[string]order.Product
	restocks map[string]int64 // quantities by product and Idempotency-Key
	payments map[string]order.Payment
	history  map[uuid.UUID][]order.ProgressEvent
	watchers map[uuid.UUID][]chan order.ProgressEvent
	joined   int

	remembered map[uuid.UUID]order.Order // by the saga, of orders that were lost
	recallErr  error

	gateErr, insertErr, lookupErr, sagaErr, syncErr, storeErr error
	meter                                                     intake.Meter // may be nil
	free                                                      map[string]int64
	calls                                                     []string // what reached the saga, the gate's sync and the store's reads of products
	onSaga                                                    func(call string, o order.Order)
	onJoin                                                    func()
	onMiss                                                    func() // once, when a key was looked up in vain; s is locked
	joinErr                                                   error
	openings                                                  []Opening
}

func newShop() *shop {
	return &shop{
		orders: map[uuid.UUID]order.Order{}, keys: map[string]order.Accepted{}, gateKeys: map[string]order.Held{},
		holds: map[uuid.UUID]order.HoldRequest{}, payments: map[string]order.Payment{}, free: map[string]int64{},
		history: map[uuid.UUID][]order.ProgressEvent{}, watchers: map[uuid.UUID][]chan order.ProgressEvent{},
		restocks: map[string]int64{}, remembered: map[uuid.UUID]order.Order{},
		products: map[string]order.Product{"lamp": {
			ID: "lamp", Name: "Lamp", UnitPrice: 1999, Currency: "EUR", Version: 1, Ledger: order.Ledger{Total: 10, Available: 10},
		}},
	}
}

func (s *shop) deps() Deps {
	return Deps{
		Gate: s, GateSync: s, Orders: s, Products: s, Payments: s, Saga: s, Hub: s,
		Sandbox: sandboxLinks{}, Board: &wall{},
	}
}

// put stores an order at status and returns it.
func (s *shop) put(userID string, status order.Status) order.Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	o := order.Order{
		ID: uuid.Must(uuid.NewV7()), UserID: userID, ProductID: "lamp", Quantity: 2, UnitPrice: 1999, Amount: 3998,
		Currency: "EUR", Status: order.Pending, Seq: 1, CreatedAt: now, UpdatedAt: now,
	}
	s.history[o.ID] = []order.ProgressEvent{o.First()}
	path := map[order.Status][]order.Status{
		order.InventoryReserved: {order.InventoryReserved},
		order.PaymentPending:    {order.InventoryReserved, order.PaymentPending},
		order.Confirmed:         {order.InventoryReserved, order.PaymentPending, order.Confirmed},
		order.Failed:            {order.Failed},
		order.Cancelled:         {order.Cancelled},
	}
	for _, next := range path[status] {
		s.post(o, next)
		o.Status, o.Seq = next, o.Seq+1
		s.history[o.ID] = append(s.history[o.ID], o.Snapshot())
	}
	s.orders[o.ID] = o
	return o
}

// move changes an order's status and tells its watchers.
func (s *shop) move(id uuid.UUID, status order.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	s.post(o, status)
	o.Status, o.Seq, o.UpdatedAt = status, o.Seq+1, time.Now()
	s.orders[id] = o
	s.history[id] = append(s.history[id], o.Snapshot())
	for _, watcher := range s.watchers[id] {
		select {
		case watcher <- o.Snapshot():
		default:
		}
	}
}

// post moves the order's units in the ledger, as a move to this status does.
func (s *shop) post(o order.Order, to order.Status) {
	p, ok := s.products[o.ProductID]
	if !ok || to == order.PaymentPending || to.Final() && to != order.Confirmed && o.Status == order.Pending {
		return
	}
	switch l, units := &p.Ledger, int64(o.Quantity); to {
	case order.InventoryReserved:
		l.Available, l.Reserved = l.Available-units, l.Reserved+units
	case order.Confirmed:
		l.Reserved, l.Confirmed = l.Reserved-units, l.Confirmed+units
	default:
		l.Reserved, l.Available = l.Reserved-units, l.Available+units
	}
	p.Version++
	s.products[p.ID] = p
}

func (s *shop) called(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

func (s *shop) seenCalls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// untouched reports whether nothing was written and nothing is held.
func (s *shop) untouched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orders) == 0 && len(s.holds) == 0 && len(s.payments) == 0 && len(s.calls) == 0
}

/* the gate */

func (s *shop) Refusal(order.HoldRequest) error { return nil }

func (s *shop) Hold(_ context.Context, requests []order.HoldRequest) []batch.Result[order.Held] {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]batch.Result[order.Held], len(requests))
	for i, r := range requests {
		results[i].Value, results[i].Err = s.holdOne(r)
	}
	return results
}

func (s *shop) holdOne(r order.HoldRequest) (order.Held, error) {
	key := r.UserID + "\n" + r.Key
	if seen, ok := s.gateKeys[key]; ok && r.Key != "" && !r.Retry {
		seen.Seen = true
		return seen, nil
	}
	if s.gateErr != nil {
		return order.Held{}, s.gateErr
	}
	p, ok := s.products[r.ProductID]
	if !ok {
		return order.Held{}, order.Errorf(order.CodePriceUnavailable, "No price.")
	}
	held := order.Held{OrderID: r.OrderID, UnitPrice: order.Money{Amount: p.UnitPrice, Currency: p.Currency}}
	if _, again := s.holds[r.OrderID]; !again {
		held.TakenAt = time.Now().UnixMilli()
	}
	s.holds[r.OrderID] = r
	if r.Key != "" {
		s.gateKeys[key] = order.Held{OrderID: r.OrderID, Hash: r.Hash}
	}
	return held, nil
}

func (s *shop) Drop(_ context.Context, _ string, held order.Held) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.holds, held.OrderID)
	return nil
}

func (s *shop) Stocks(_ context.Context, ids ...string) (map[string]order.GateStock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gateErr != nil {
		return nil, s.gateErr
	}
	stocks := map[string]order.GateStock{}
	for _, id := range ids {
		if free, known := s.free[id]; known {
			stocks[id] = order.GateStock{Available: free}
		}
	}
	return stocks, nil
}

func (s *shop) Now(_ context.Context, p order.Product) error {
	s.called("sync %s", p.ID)
	return s.syncErr
}

/* the intake */

func (s *shop) Insert(_ context.Context, intents []order.Intent) []batch.Result[order.Accepted] {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]batch.Result[order.Accepted], len(intents))
	for i, in := range intents {
		results[i].Value, results[i].Err = s.insertOne(in)
	}
	return results
}

func (s *shop) insertOne(in order.Intent) (order.Accepted, error) {
	if s.insertErr != nil {
		return order.Accepted{}, s.insertErr
	}
	key := in.UserID + "\n" + in.Key
	if first, ok := s.keys[key]; ok && in.Key != "" {
		return first, nil
	}
	in.Status, in.Seq, in.UpdatedAt = order.Pending, 1, in.CreatedAt
	s.orders[in.ID] = in.Order
	s.history[in.ID] = []order.ProgressEvent{in.First()}
	if in.Key != "" {
		s.keys[key] = order.Accepted{OrderID: in.ID, Hash: in.Hash}
	}
	return order.Accepted{OrderID: in.ID, Hash: in.Hash}, nil
}

func (s *shop) Lookup(_ context.Context, keys []order.KeyOwner) []batch.Result[*order.Accepted] {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]batch.Result[*order.Accepted], len(keys))
	for i, k := range keys {
		first, found := s.keys[k.UserID+"\n"+k.Key]
		if found {
			results[i].Value = &first
		} else if o, restored := s.orders[k.OrderID]; restored && o.UserID == k.UserID {
			results[i].Value = &order.Accepted{OrderID: o.ID}
		} else if s.onMiss != nil {
			s.onMiss()
			s.onMiss = nil
		}
		results[i].Err = s.lookupErr
	}
	return results
}

/* reads */

func (s *shop) Order(_ context.Context, id uuid.UUID) (order.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storeErr != nil {
		return order.Order{}, s.storeErr
	}
	o, ok := s.orders[id]
	if !ok {
		return order.Order{}, order.Errorf(order.CodeOrderNotFound, "There is no order %s.", id)
	}
	return o, nil
}

func (s *shop) Restore(_ context.Context, accepted order.Order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.orders[accepted.ID]; !ok {
		o := accepted.Reservation().Order()
		s.orders[o.ID] = o
		s.history[o.ID] = []order.ProgressEvent{o.First()}
	}
	return nil
}

func (s *shop) List(_ context.Context, userID string, status order.Status, before uuid.UUID, limit int) (orders []order.Order, next uuid.UUID, err error) {
	orders = s.own(userID, limit+1, func(o order.Order) bool {
		older := before == uuid.Nil || slices.Compare(o.ID[:], before[:]) < 0
		return older && (status == "" || o.Status == status)
	})
	if len(orders) > limit {
		orders, next = orders[:limit], orders[limit-1].ID
	}
	return orders, next, nil
}

func (s *shop) Recent(_ context.Context, userID string, since time.Time, limit int) ([]order.Order, error) {
	return s.own(userID, limit, func(o order.Order) bool { return !o.Status.Final() || !o.UpdatedAt.Before(since) }), nil
}

// own is at most limit of the user's orders that are wanted, newest first.
func (s *shop) own(userID string, limit int, wanted func(order.Order) bool) (own []order.Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.UserID == userID && wanted(o) {
			own = append(own, o)
		}
	}
	slices.SortFunc(own, func(a, b order.Order) int { return -slices.Compare(a.ID[:], b.ID[:]) })
	return own[:min(len(own), limit)]
}

func (s *shop) History(_ context.Context, id uuid.UUID, after int64) ([]order.ProgressEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, ok := s.history[id]
	if !ok {
		return nil, order.Errorf(order.CodeOrderNotFound, "There is no order %s.", id)
	}
	return slices.Clone(events[min(after, int64(len(events))):]), nil
}

/* products */

func (s *shop) Product(_ context.Context, id string) (order.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.products[id]
	if !ok {
		return p, order.Errorf(order.CodeProductNotFound, "There is no such product.")
	}
	return p, nil
}

func (s *shop) Products(context.Context) ([]order.Product, error) {
	s.called("products")
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.products))
	slices.SortFunc(all, func(a, b order.Product) int { return strings.Compare(a.ID, b.ID) })
	return all, s.storeErr
}

func (s *shop) PutProduct(_ context.Context, p order.Product, allowed func(*order.Product) error) (order.Product, error) {
	if err := p.Validate(); err != nil {
		return order.Product{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var now *order.Product
	there, known := s.products[p.ID]
	if known {
		now = &there
	}
	if err := allowed(now); err != nil {
		return order.Product{}, err
	}
	l := &p.Ledger
	l.Reserved, l.Confirmed = there.Ledger.Reserved, there.Ledger.Confirmed
	l.Available = l.Total - l.Reserved - l.Confirmed
	if l.Available < 0 {
		return order.Product{}, order.Errorf(order.CodeStockBelowSold, "More than that is sold.")
	}
	p.Version = there.Version + 1
	s.products[p.ID] = p
	return p, nil
}

func (s *shop) Restock(_ context.Context, id string, quantity int64, key string) (order.Product, error) {
	s.called("restock %s %d %q", id, quantity, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := order.ValidRestock(quantity); err != nil {
		return order.Product{}, err
	}
	p, ok := s.products[id]
	first, again := s.restocks[id+"\n"+key]
	switch {
	case !ok:
		return order.Product{}, order.Errorf(order.CodeProductNotFound, "There is no such product.")
	case key != "" && again && first != quantity:
		return order.Product{}, order.Errorf(order.CodeIdempotencyMismatch, "The key was used with another quantity.")
	case key != "" && again:
		return p, nil
	case p.Ledger.Total+quantity > order.MaxStock:
		return order.Product{}, order.Invalid("quantity", "makes the stock too large")
	}
	s.restocks[id+"\n"+key] = quantity
	p.Ledger.Total, p.Ledger.Available, p.Version = p.Ledger.Total+quantity, p.Ledger.Available+quantity, p.Version+1
	s.products[id] = p
	return p, nil
}
