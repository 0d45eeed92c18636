package verify

import (
	"context"

	"order-service/order"
)

// Watch counts the products whose stock in the gate is not the ledger's, of a
// shop at work, look by look. One goroutine at a time uses it.
type Watch struct {
	gate   Gate
	ledger Ledger
	known  []string                   // the products at the last look
	last   map[string]order.GateStock // what the gate had of them
}

// Ledger reads the present ledgers.
type Ledger interface {
	Products(ctx context.Context) ([]order.Product, error)
}

// NewWatch returns a Watch that has not looked yet.
func NewWatch(gate Gate, ledger Ledger) *Watch { return &Watch{gate: gate, ledger: ledger} }

// Look returns how many products differ. It reads the gate before the ledger,
// so that what it read cannot be newer, and judges the products that it knows
// since the last look: a new one is on its way to the gate.
func (w *Watch) Look(ctx context.Context) (differing int, err error) {
	stocks, err := w.gate.Stocks(ctx, w.known...)
	if err != nil {
		return 0, err
	}
	products, err := w.ledger.Products(ctx)
	if err != nil {
		return 0, err
	}
	ledger := make(map[string]order.Product, len(products))
	for _, p := range products {
		ledger[p.ID] = p
	}
	for _, id := range w.known {
		if now, there := stocks[id]; !there || !w.inStep(ledger[id], now) {
			differing++
		}
	}
	w.last, w.known = stocks, ids(products)
	return differing, nil
}

// inStep allows a gate that is behind, as in a sale it always is, as long as it
// moves.
func (w *Watch) inStep(p order.Product, now order.GateStock) bool {
	if now.Version < p.Version {
		before, seen := w.last[p.ID]
		return !seen || now.Version > before.Version
	}
	return now.Version == p.Version && now.Available == p.Ledger.Available
}
