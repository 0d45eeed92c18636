package store

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"order-service/order"
)

// Restore puts back, as PENDING, an order that was accepted and that this
// database has lost; the others of its time are missing in the ledger too, so
// its units are for a Reserve to take. Nothing is published: its saga has begun.
// An order that is there stays as it is. What only its buyer could say again is
// gone: the Idempotency-Key, which the gate still knows for a while, and the
// trace. Codes: CodeValidation, CodeUnavailable, CodeOutcomeUnknown.
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

// RestorePayment puts back, in p.State, a payment that this database has lost.
// One that is there stays as it is. It never stands in another state meanwhile:
// as RECEIVED, money on its way back could buy the order. Codes: CodeValidation,
// CodeUnavailable, CodeOutcomeUnknown.
func (s *Store) RestorePayment(ctx context.Context, p order.Payment) error {
	put, err := s.pool.Exec(ctx, `
		INSERT INTO payments (`+paymentColumns+`) VALUES ($1, $2, $3, $4, $5, coalesce($6, now()))
		ON CONFLICT DO NOTHING`,
		p.ID, p.OrderID, p.Money.Amount, p.Money.Currency, string(p.State), zeronull.Timestamptz(p.ReceivedAt))
	if err != nil {
		return notRecorded(err)
	}
	if put.RowsAffected() > 0 {
		s.meter.PaymentMoved(p.State)
	}
	return nil
}
