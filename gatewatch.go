package main

import (
	"context"

	"order-service/order"
)

// gateWatch counts the products whose stock in the gate is not the ledger's.
// One goroutine at a time uses it.
type gateWatch struct {
	stocks func(ctx context.Context, productIDs ...string) (map[string]order.GateStock, error)
	ledger func(context.Context) ([]order.Product, error)
	known  []string                   // the products at the last look
	last   map[string]order.GateStock // what the gate had of them
}

// look returns how many products differ. It reads the gate before the ledger,
// so that what it read cannot be newer, and judges the products that it knows
// since the last look: a new one is on its way to the gate.
func (w *gateWatch) look(ctx context.Context) (differing int, err error) {
	stocks, err := w.stocks(ctx, w.known...)
	if err != nil {
		return 0, err
	}
	products, err := w.ledger(ctx)
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
	w.last, w.known = stocks, productIDs(products)
	return differing, nil
}

// inStep allows a gate that is behind, as in a sale it always is, as long as it
// moves.
func (w *gateWatch) inStep(p order.Product, now order.GateStock) bool {
	if now.Version < p.Version {
		before, seen := w.last[p.ID]
		return !seen || now.Version > before.Version
	}
	return now.Version == p.Version && now.Available == p.Ledger.Available
}

func productIDs(products []order.Product) []string {
	ids := make([]string, len(products))
	for i, p := range products {
		ids[i] = p.ID
	}
	return ids
}
