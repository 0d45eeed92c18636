package store

import (
	"context"

	"order-service/order"
)

// Restore puts back, as PENDING, an order that was accepted and that this
// database has lost; the others of its time are missing in the ledger too, so
// its units are for a Reserve to take. Nothing is published: its saga has begun.
// An order that is there stays as it is. What only its buyer could say again is
// gone: the Idempotency-Key, and the trace. Codes: CodeValidation,
// CodeUnavailable, CodeOutcomeUnknown.
func (s *Store) Restore(ctx context.Context, accepted order.Order) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
		ON CONFLICT DO NOTHING`,
		accepted.ID, accepted.UserID, accepted.ProductID, accepted.Quantity, accepted.UnitPrice,
		accepted.Amount, accepted.Currency, accepted.CreatedAt)
	if badData(err) {
		return order.Wrap(err, order.CodeValidation, "The order cannot be stored.")
	}
	return dbError("restore order", err)
}
