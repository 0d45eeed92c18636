package cache

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"order-service/order"
)

// entriesPerCall bounds the users or holds in one script, so that a rebuild
// never keeps Redis from its buyers for more than a few milliseconds.
const entriesPerCall = 500

// errSuperseded ends a rebuild that another one, or a flush, has overtaken.
var errSuperseded = errors.New("gate: another rebuild took over")

// rebuild is one full publication of a product from a snapshot of the ledger.
type rebuild struct {
	gate    *Gate
	id      string // the product's
	token   string
	product order.Product
}

// rebuild publishes the product in full: users, then holds if it was absent,
// then, last, the product itself. Overtaken by another it returns nil: that one
// publishes, or the next sync begins anew.
func (s *Sync) rebuild(ctx context.Context, productID string) error {
	r := &rebuild{gate: s.gate, id: productID, token: uuid.NewString()}
	begun, err := s.gate.runOne(ctx, s.gate.call(s.gate.scripts.begin, productID, r.token))
	if err != nil {
		return fmt.Errorf("rebuild %s: %w", productID, err)
	}
	// A product that is there has its holds. Some orders of the snapshot will have
	// settled meanwhile, and all the others would be read in vain.
	absent := begun == int64(1)
	err = s.ledger.GateSnapshot(ctx, productID, absent, func(c order.GateChunk) error { return r.add(ctx, c) })
	if err == nil {
		err = r.publish(ctx)
	}
	if err != nil && !errors.Is(err, errSuperseded) {
		return fmt.Errorf("rebuild %s: %w", productID, err)
	}
	return nil
}

func (r *rebuild) add(ctx context.Context, c order.GateChunk) error {
	if c.Product != nil {
		r.product = *c.Product
	}
	if err := r.addUsers(ctx, c.Users); err != nil {
		return err
	}
	return r.addHolds(ctx, c.Holds)
}

func (r *rebuild) addUsers(ctx context.Context, users map[string]int64) error {
	var entries []any
	for user, units := range users {
		entries = append(entries, user, units)
	}
	return r.send(entries, 2, func(part []any) (any, error) {
		args := append([]any{r.token, r.product.Version}, part...)
		return r.gate.runOne(ctx, r.gate.call(r.gate.scripts.users, r.id, args...))
	})
}

func (r *rebuild) addHolds(ctx context.Context, holds []order.GateHold) error {
	var entries []any
	for _, h := range holds {
		entries = append(entries, h.OrderID.String(), h.UserID, h.Quantity)
	}
	return r.send(entries, 3, func(part []any) (any, error) {
		args := append([]any{r.token}, part...)
		return r.gate.runOne(ctx, r.gate.call(r.gate.scripts.restore, r.id, args...))
	})
}

// send passes entries of width values each to run, a bounded part at a time.
func (r *rebuild) send(entries []any, width int, run func([]any) (any, error)) error {
	for len(entries) > 0 {
		n := min(len(entries), entriesPerCall*width)
		reply, err := run(entries[:n])
		if err != nil {
			return err
		}
		if reply != int64(1) {
			return errSuperseded
		}
		entries = entries[n:]
	}
	return nil
}

func (r *rebuild) publish(ctx context.Context) error {
	if r.product.ID != r.id {
		return order.Errorf(order.CodeProductNotFound, "There is no product %s.", r.id)
	}
	reply, err := r.gate.runOne(ctx, r.gate.syncCall(r.product, r.token))
	if err == nil && reply == "superseded" {
		err = errSuperseded
	}
	return err
}
