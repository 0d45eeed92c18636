package cache

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

const (
	// holdAge is when a hold is old: far past the intake's deadline, so an order
	// that has no row by then will not get one.
	holdAge = 30 * time.Second
	// reapPass is the most holds of one product looked into at a time.
	reapPass = 1000
	// reapPasses is how often at most a reap does so, while it takes less than
	// reapTime: products are to be published meanwhile. Orders that wait for a worker
	// are old holds, too. Behind a hundred thousand of them a hold without an order
	// comes to its turn within half a minute.
	reapPasses = 20
	reapTime   = time.Second
)

// reap asks the ledger about old holds and ends those whose orders are not
// PENDING, and asks again about the products that may have more.
func (s *Sync) reap(ctx context.Context, products []order.Product) (failed error) {
	until := time.Now().Add(reapTime)
	for pass := 0; pass < reapPasses && len(products) > 0 && time.Now().Before(until); pass++ {
		var err error
		products, err = s.reapOnce(ctx, products)
		failed = cmp.Or(failed, err)
	}
	return failed
}

// reapOnce is one pass. It returns the products that had as many old holds as it
// looks into. A failing product does not keep the others waiting.
func (s *Sync) reapOnce(ctx context.Context, products []order.Product) (more []order.Product, failed error) {
	calls := make([]*call, len(products))
	for i, p := range products {
		calls[i] = s.gate.call(s.gate.scripts.reap, p.ID, s.age.Milliseconds(), reapPass)
	}
	s.gate.runAll(ctx, calls)
	for i, c := range calls {
		listed, err := 0, c.err
		if err == nil {
			listed, err = s.end(ctx, products[i].ID, c.reply)
		}
		switch {
		case err != nil:
			failed = cmp.Or(failed, fmt.Errorf("reap %s: %w", products[i].ID, err))
		case listed == reapPass:
			more = append(more, products[i])
		}
	}
	return more, failed
}

// end settles or drops the listed holds of one product, and returns how many were
// listed. It reads reap.lua's reply.
func (s *Sync) end(ctx context.Context, productID string, reply any) (listed int, err error) {
	fields, _ := reply.([]any)
	switch {
	case len(fields) == 1 && fields[0] == "absent":
		return 0, nil
	case len(fields) == 1 && fields[0] == "broken":
		s.log.Warn().Str("product", productID).Msg("gate: Redis lost some of a product's keys; rebuilding")
		return 0, s.rebuild(ctx, productID)
	case len(fields) < 2:
		return 0, fmt.Errorf("gate: reap replied %v", reply)
	}
	listedAt, _ := fields[1].(int64)
	ids, err := parseIDs(fields[2:])
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), s.endEach(ctx, productID, ids, listedAt)
}

// endEach settles or drops those of the holds whose orders are not PENDING.
func (s *Sync) endEach(ctx context.Context, productID string, ids []uuid.UUID, listedAt int64) error {
	fates, err := s.fates(ctx, ids)
	if err != nil {
		return err
	}
	var calls []*call
	for _, id := range ids {
		if fate := fates[id]; !fate.Pending {
			calls = append(calls, s.gate.endCall(productID, id, listedAt, fate.Stock))
		}
	}
	s.gate.runAll(ctx, calls)
	for _, c := range calls {
		err = cmp.Or(err, c.err)
	}
	return err
}

// fates is HoldFates by order id; an order without a row has the zero fate.
func (s *Sync) fates(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]order.HoldFate, error) {
	list, err := s.ledger.HoldFates(ctx, ids)
	if err != nil {
		return nil, err
	}
	fates := make(map[uuid.UUID]order.HoldFate, len(list))
	for _, fate := range list {
		fates[fate.OrderID] = fate
	}
	return fates, nil
}

// endCall settles an order's hold, or drops it where the order was never
// written and there is no ledger to settle with. Its key may have come again
// since the hold was listed: then the order is about to be written after all.
func (g *Gate) endCall(productID string, id uuid.UUID, listedAt int64, st order.Stock) *call {
	if st.ProductID != productID {
		return g.dropCall(productID, id, listedAt)
	}
	return g.settleCall(id, st)
}

func parseIDs(fields []any) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(fields))
	for _, field := range fields {
		id, err := uuid.Parse(fmt.Sprint(field))
		if err != nil {
			return nil, fmt.Errorf("gate: a hold has no order id: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
