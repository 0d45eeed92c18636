package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"order-service/order"
)

// ClaimOutbox takes at most limit outbox rows whose lease has expired, oldest
// first, and keeps them from other callers for lease. No transaction stays
// open: a claimer that dies lets its leases expire.
func (s *Store) ClaimOutbox(ctx context.Context, limit int, lease time.Duration) ([]order.OutboxBatch, error) {
	rows, _ := s.pool.Query(ctx, `
		WITH claimed AS (
			UPDATE outbox SET claimed_until = now() + $2::interval
			WHERE id IN (
				SELECT id FROM outbox WHERE claimed_until <= now()
				ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
			RETURNING id, order_ids
		)
		SELECT claimed.id, `+orderColumns+`
		FROM claimed CROSS JOIN LATERAL unnest(claimed.order_ids) WITH ORDINALITY AS ref (order_id, n)
		JOIN orders o ON o.order_id = ref.order_id
		ORDER BY claimed.id, ref.n`, limit, lease)
	var (
		batches []order.OutboxBatch
		id      int64
		o       order.Order
	)
	_, err := pgx.ForEachRow(rows, append([]any{&id}, orderFields(&o)...), func() error {
		batches = appendToBatch(batches, id, o)
		return nil
	})
	return batches, dbError("claim outbox", err)
}

// appendToBatch relies on rows that come sorted by batch.
func appendToBatch(batches []order.OutboxBatch, id int64, o order.Order) []order.OutboxBatch {
	if n := len(batches); n == 0 || batches[n-1].ID != id {
		batches = append(batches, order.OutboxBatch{ID: id})
	}
	last := &batches[len(batches)-1]
	last.Orders = append(last.Orders, o)
	return batches
}

// DeleteOutbox removes rows whose orders are published. Rows that are gone
// already are ignored.
func (s *Store) DeleteOutbox(ctx context.Context, ids []int64) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM outbox WHERE id = ANY ($1)`, ids)
	return dbError("delete from outbox", err)
}
