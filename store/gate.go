package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"order-service/order"
)

// gateChunkSize bounds the users or holds of one GateChunk.
const gateChunkSize = 1000

// GateSnapshot yields what the gate needs to be rebuilt, as of one instant:
// first the product, then the units of its users where it has a limit, then,
// where they are wanted, the holds of its PENDING orders. It stops at yield's
// first error and returns it. CodeProductNotFound when there is no such product.
//
// Each chunk has a statement of its own. There may be millions of holds, and the
// gate takes as long as it takes: that is no time for a statement to run, nor for
// a transaction to be silent.
func (s *Store) GateSnapshot(ctx context.Context, productID string, holds bool, yield func(order.GateChunk) error) error {
	var refused error // by yield: not the database's error
	give := func(chunk order.GateChunk) error {
		refused = yield(chunk)
		return refused
	}
	err := s.transact(ctx, snapshot, func(tx pgx.Tx) error {
		return gateChunks(ctx, tx, productID, holds, give)
	})
	if refused != nil {
		return refused
	}
	return dbError("read gate snapshot", err)
}

func gateChunks(ctx context.Context, tx pgx.Tx, productID string, holds bool, yield func(order.GateChunk) error) error {
	p, err := gateProduct(ctx, tx, productID)
	if err != nil {
		return err
	}
	if err := yield(order.GateChunk{Product: &p}); err != nil {
		return err
	}
	if p.PerUserLimit > 0 {
		if err := gateUsers(ctx, tx, productID, yield); err != nil {
			return err
		}
	}
	if !holds {
		return nil
	}
	return gateHolds(ctx, tx, productID, yield)
}

func gateProduct(ctx context.Context, tx pgx.Tx, id string) (order.Product, error) {
	rows, _ := tx.Query(ctx, `SELECT `+productColumns+` FROM products WHERE product_id = $1`, id)
	p, err := pgx.CollectExactlyOneRow(rows, scanProduct)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, productNotFound(id)
	}
	return p, err
}

// gateUsers reads the reservations of a chunk's users. The bound keeps a planner
// that knows nothing of the table from summing up those of all, for each chunk.
func gateUsers(ctx context.Context, tx pgx.Tx, productID string, yield func(order.GateChunk) error) error {
	for last := ""; ; {
		rows, _ := tx.Query(ctx, `
			SELECT user_id, sum(quantity)::bigint FROM reservations
			WHERE product_id = $1 AND state <> 'RELEASED' AND user_id > $2 AND user_id <= (
				SELECT max(user_id) FROM (
					SELECT user_id FROM reservations
					WHERE product_id = $1 AND state <> 'RELEASED' AND user_id > $2
					ORDER BY user_id LIMIT $3) next)
			GROUP BY user_id ORDER BY user_id`, productID, last, gateChunkSize)
		var units int64
		users := make(map[string]int64, gateChunkSize)
		_, err := pgx.ForEachRow(rows, []any{&last, &units}, func() error {
			users[last] = units
			return nil
		})
		if err != nil || len(users) == 0 {
			return err
		}
		if err := yield(order.GateChunk{Users: users}); err != nil {
			return err
		}
	}
}

func gateHolds(ctx context.Context, tx pgx.Tx, productID string, yield func(order.GateChunk) error) error {
	var hold order.GateHold
	for {
		rows, _ := tx.Query(ctx, `
			SELECT order_id, user_id, quantity FROM orders
			WHERE product_id = $1 AND status = 'PENDING' AND order_id > $2
			ORDER BY order_id LIMIT $3`, productID, hold.OrderID, gateChunkSize)
		holds := make([]order.GateHold, 0, gateChunkSize)
		_, err := pgx.ForEachRow(rows, []any{&hold.OrderID, &hold.UserID, &hold.Quantity}, func() error {
			holds = append(holds, hold)
			return nil
		})
		if err != nil || len(holds) == 0 {
			return err
		}
		if err := yield(order.GateChunk{Holds: holds}); err != nil || len(holds) < gateChunkSize {
			return err
		}
	}
}

// HoldFates tells what became of the orders behind old holds, with the ledger
// to settle them with, both as of one instant. Orders without a row are left
// out; a product without one leaves Stock.Version at 0.
func (s *Store) HoldFates(ctx context.Context, ids []uuid.UUID) ([]order.HoldFate, error) {
	rows, _ := s.pool.Query(ctx, `
		SELECT o.order_id, o.status = 'PENDING', o.product_id, o.user_id,
			coalesce(p.version, 0), coalesce(p.available, 0), coalesce(p.per_user_limit > 0, false),
			coalesce((SELECT sum(r.quantity) FROM reservations r
				WHERE r.product_id = o.product_id AND r.user_id = o.user_id
					AND r.state <> 'RELEASED' AND p.per_user_limit > 0), 0)::bigint
		FROM orders o LEFT JOIN products p USING (product_id)
		WHERE o.order_id = ANY ($1)`, ids)
	fates, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f order.HoldFate, err error) {
		st := &f.Stock
		err = row.Scan(&f.OrderID, &f.Pending, &st.ProductID, &st.UserID, &st.Version, &st.Available, &st.Limited, &st.UserUnits)
		return f, err
	})
	return fates, dbError("read the fates of holds", err)
}
