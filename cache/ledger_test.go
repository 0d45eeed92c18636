package cache

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"order-service/order"
)

// ledger is a model of the store: the least that decides as Postgres does.
type ledger struct {
	mu       sync.Mutex
	products map[string]*order.Product
	orders   map[uuid.UUID]*row
	between  func() // runs while a snapshot is being read; may be nil
	reaping  func() // runs before and after fates are read; may be nil
	failing  error  // returned by every read

	snapshotFails error // returned by GateSnapshot
	snapshots     int   // how often it was asked for
	held          int   // holds that it has yielded
}

type row struct {
	order.HoldRequest
	state order.Status // PENDING, INVENTORY_RESERVED, or an end
}

var errLedgerRefused = errors.New("the ledger has no units left")

func newLedger() *ledger {
	return &ledger{products: map[string]*order.Product{}, orders: map[uuid.UUID]*row{}}
}

// put writes a product's terms; the ledger of a known one stays.
func (l *ledger) put(p order.Product) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.products[p.ID]; old != nil {
		p.Ledger, p.Version = old.Ledger, old.Version
	}
	p.Version++
	l.products[p.ID] = &p
}

func (l *ledger) restock(id string, units int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.products[id]
	p.Ledger.Total += units
	p.Ledger.Available += units
	p.Version++
}

func (l *ledger) insert(r order.HoldRequest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.orders[r.OrderID] == nil {
		l.orders[r.OrderID] = &row{r, order.Pending}
	}
}

// reserve moves a PENDING order; without units or past the limit it fails it.
func (l *ledger) reserve(id uuid.UUID) (order.Stock, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orders[id]
	p := l.products[o.ProductID]
	if o.state != order.Pending {
		return l.stockOf(o), nil
	}
	owned := l.units(o.ProductID)[o.UserID]
	if p.Ledger.Available < int64(o.Quantity) || p.PerUserLimit > 0 && owned+int64(o.Quantity) > int64(p.PerUserLimit) {
		o.state = order.Failed
		return l.stockOf(o), errLedgerRefused
	}
	o.state = order.InventoryReserved
	p.Ledger.Available -= int64(o.Quantity)
	p.Ledger.Reserved += int64(o.Quantity)
	p.Version++
	return l.stockOf(o), nil
}

func (l *ledger) confirm(id uuid.UUID) order.Stock {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orders[id]
	if o.state == order.InventoryReserved {
		p := l.products[o.ProductID]
		o.state = order.Confirmed
		p.Ledger.Reserved -= int64(o.Quantity)
		p.Ledger.Confirmed += int64(o.Quantity)
		p.Version++
	}
	return l.stockOf(o)
}

// cancel ends an order and releases what it reserved.
func (l *ledger) cancel(id uuid.UUID) order.Stock {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.orders[id]
	if o.state == order.InventoryReserved {
		p := l.products[o.ProductID]
		p.Ledger.Reserved -= int64(o.Quantity)
		p.Ledger.Available += int64(o.Quantity)
		p.Version++
	}
	if !o.state.Final() {
		o.state = order.Cancelled
	}
	return l.stockOf(o)
}

func (l *ledger) stockOf(o *row) order.Stock {
	p := l.products[o.ProductID]
	return order.Stock{
		ProductID: p.ID, Version: p.Version, Available: p.Ledger.Available,
		UserID: o.UserID, UserUnits: l.units(p.ID)[o.UserID], Limited: p.PerUserLimit > 0,
	}
}

// units are the reserved and confirmed units by user.
func (l *ledger) units(productID string) map[string]int64 {
	sums := map[string]int64{}
	for _, o := range l.orders {
		if o.ProductID == productID && (o.state == order.InventoryReserved || o.state == order.Confirmed) {
			sums[o.UserID] += int64(o.Quantity)
		}
	}
	return sums
}

func (l *ledger) product(id string) order.Product {
	l.mu.Lock()
	defer l.mu.Unlock()
	return *l.products[id]
}

// Products implements Ledger.
func (l *ledger) Products(context.Context) ([]order.Product, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []order.Product
	for _, p := range l.products {
		all = append(all, *p)
	}
	return all, l.failing
}

// GateSnapshot implements Ledger with chunks of one user or hold, so that
// between runs at every place where the world may move on.
func (l *ledger) GateSnapshot(_ context.Context, id string, holds bool, yield func(order.GateChunk) error) error {
	for _, chunk := range l.snapshot(id, holds) {
		if l.between != nil {
			l.between()
		}
		if err := yield(chunk); err != nil {
			return err
		}
	}
	if l.between != nil {
		l.between()
	}
	return cmp.Or(l.failing, l.snapshotFails)
}

func (l *ledger) snapshot(id string, holds bool) []order.GateChunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapshots++
	p := *l.products[id]
	chunks := []order.GateChunk{{Product: &p}}
	if p.PerUserLimit > 0 {
		sums := l.units(id)
		for _, user := range slices.Sorted(maps.Keys(sums)) {
			chunks = append(chunks, order.GateChunk{Users: map[string]int64{user: sums[user]}})
		}
	}
	for _, o := range l.sorted() {
		if holds && o.ProductID == id && o.state == order.Pending {
			l.held++
			hold := order.GateHold{OrderID: o.OrderID, UserID: o.UserID, Quantity: o.Quantity}
			chunks = append(chunks, order.GateChunk{Holds: []order.GateHold{hold}})
		}
	}
	return chunks
}

// sorted are the orders in the order of their ids, which is that of their
// making: a failure can be played again.
func (l *ledger) sorted() []*row {
	return slices.SortedFunc(maps.Values(l.orders), func(a, b *row) int {
		return bytes.Compare(a.OrderID[:], b.OrderID[:])
	})
}

// HoldFates implements Ledger; orders without a row are missing.
func (l *ledger) HoldFates(_ context.Context, ids []uuid.UUID) ([]order.HoldFate, error) {
	if l.reaping != nil {
		l.reaping()
		defer l.reaping()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var fates []order.HoldFate
	for _, id := range ids {
		if o := l.orders[id]; o != nil {
			fates = append(fates, order.HoldFate{OrderID: id, Pending: o.state == order.Pending, Stock: l.stockOf(o)})
		}
	}
	return fates, l.failing
}
