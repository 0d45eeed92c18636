package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"order-service/order"
	"order-service/retry"
)

const (
	gatePause = 250 * time.Millisecond // between two looks at the products that disagree
	gateQuiet = 3 * time.Second        // a ledger unchanged for this long has been published by the gate's every-second sync
)

// suspect is a product whose gate disagrees with its ledger.
type suspect struct {
	version, held int64
	since         time.Time // when it was first read as still as it is now
	detail        string
}

type disagreements struct{ findings, notices []order.Finding }

// gateDisagreements compares each product's ledger with the gate until all
// agree or settle has passed. What then disagrees is a finding, or, where what
// is compared has been moving until now, a notice: a shop at work is never quiet
// enough to compare.
func gateDisagreements(ctx context.Context, deps Deps, products []order.Product, settle time.Duration) (disagreements, error) {
	deadline := time.Now().Add(settle)
	suspects, err := compareAll(ctx, deps, products, nil)
	for err == nil && len(suspects) > 0 && time.Now().Before(deadline) {
		if !retry.Sleep(ctx, gatePause) {
			err = context.Cause(ctx)
			break
		}
		if products, err = deps.Store.Products(ctx); err != nil {
			err = fmt.Errorf("read the products again: %w", err)
			break
		}
		suspects, err = compareAll(ctx, deps, products, suspects)
	}
	if err != nil {
		return disagreements{}, err
	}
	return judge(suspects, time.Now()), nil
}

// compareAll compares the products, or, on a second look, those among them
// that were suspects. It reads the gate before the pending orders, so that those
// which come meanwhile do not look like units held for nothing.
func compareAll(ctx context.Context, deps Deps, products []order.Product, before map[string]suspect) (map[string]suspect, error) {
	stocks, err := deps.Gate.Stocks(ctx, ids(products)...)
	if err != nil {
		return nil, fmt.Errorf("read the products in the gate: %w", err)
	}
	pending, err := deps.Store.PendingUnits(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the pending orders: %w", err)
	}
	suspects := make(map[string]suspect)
	for _, p := range products {
		last, suspected := before[p.ID]
		if before != nil && !suspected {
			continue
		}
		stock, known := stocks[p.ID]
		detail, heldAlone := compare(p, stock, known, pending[p.ID])
		if detail == "" {
			continue
		}
		// The intake moves nothing but the units held: the version may stand still
		// in mid-sale, and what else is wrong is no more right for a sale.
		if !suspected || last.version != p.Version || heldAlone && last.held != stock.Held {
			last.since = time.Now()
		}
		last.version, last.held, last.detail = p.Version, stock.Held, detail
		suspects[p.ID] = last
	}
	return suspects, nil
}

func ids(products []order.Product) []string {
	ids := make([]string, len(products))
	for i, p := range products {
		ids[i] = p.ID
	}
	return ids
}

// compare says how the gate disagrees with p, or "", and whether by the units
// held alone. Fewer units held than are pending is no disagreement: a rebuild may
// miss the hold of an order that was being written, and the ledger decides about
// its units.
func compare(p order.Product, gate order.GateStock, known bool, pending int64) (detail string, heldAlone bool) {
	if !known {
		return "the gate does not have the product", false
	}
	var wrong []string
	check := func(what string, got, want int64) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s %d instead of %d", what, got, want))
		}
	}
	check("version", gate.Version, p.Version)
	check("available", gate.Available, p.Ledger.Available)
	heldAlone = len(wrong) == 0
	if gate.Held < 0 || gate.Held > pending {
		check("held", gate.Held, pending)
	}
	if len(wrong) == 0 {
		return "", false
	}
	return "the gate has " + strings.Join(wrong, ", "), heldAlone
}

func judge(suspects map[string]suspect, now time.Time) (d disagreements) {
	for id, s := range suspects {
		f := order.Finding{Invariant: "I2", Subject: id, Detail: s.detail}
		if now.Sub(s.since) < gateQuiet {
			f.Detail += "; the product is still changing, compare once quiet"
			d.notices = append(d.notices, f)
			continue
		}
		d.findings = append(d.findings, f)
	}
	return d
}
