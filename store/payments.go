package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"order-service/order"
)

// paymentColumns is what scanPayment reads.
const paymentColumns = `payment_id, order_id, amount, currency, state, received_at`

func scanPayment(row pgx.CollectableRow) (p order.Payment, err error) {
	err = row.Scan(&p.ID, &p.OrderID, &p.Money.Amount, &p.Money.Currency, &p.State, &p.ReceivedAt)
	return p, err
}

// RecordPayment stores what the provider reported, in state RECEIVED, DECLINED
// or MISMATCH, at p.ReceivedAt (zero: now). A payment that is known already
// wins and is returned as it is, but for two: money may arrive after a decline,
// and money that arrived is never forgotten; and a MISMATCH, which is kept
// beside the payment and never changes one, may be put right or declined. Whether
// there is such an order is not asked: money may come back for one that is lost.
// Codes: CodeConflict when the payment id belongs to another order,
// CodeValidation.
func (s *Store) RecordPayment(ctx context.Context, p order.Payment) (order.Payment, error) {
	switch p.State {
	case order.PaymentMismatch:
		return s.recordMismatch(ctx, p)
	case order.PaymentReceived, order.PaymentRefused:
	default:
		return order.Payment{}, order.Errorf(order.CodeValidation, "A payment cannot begin as %q.", p.State)
	}
	rows, _ := s.pool.Query(ctx, `
		WITH settled AS (
			UPDATE payment_mismatches SET settled_at = now()
			WHERE payment_id = $1 AND order_id = $2 AND settled_at IS NULL
		)
		INSERT INTO payments AS known (`+paymentColumns+`)
		VALUES ($1, $2, $3, $4, $5, coalesce($6, now()))
		ON CONFLICT (payment_id) DO UPDATE SET state = excluded.state, amount = excluded.amount,
			currency = excluded.currency, received_at = excluded.received_at, updated_at = now()
		WHERE known.state IN ('DECLINED', 'MISMATCH') AND excluded.state <> known.state AND known.order_id = excluded.order_id
		RETURNING `+paymentColumns,
		p.ID, p.OrderID, p.Money.Amount, p.Money.Currency, string(p.State), zeronull.Timestamptz(p.ReceivedAt))
	recorded, err := pgx.CollectExactlyOneRow(rows, scanPayment)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.knownPayment(ctx, p)
	case err != nil:
		return order.Payment{}, notRecorded(err)
	}
	s.meter.PaymentMoved(recorded.State)
	return recorded, nil
}

func notRecorded(err error) error {
	if badData(err) {
		return order.Wrap(err, order.CodeValidation, "The payment cannot be stored.")
	}
	return dbError("record payment", err)
}

func (s *Store) knownPayment(ctx context.Context, p order.Payment) (order.Payment, error) {
	known, err := s.Payment(ctx, p.ID)
	if err == nil && known.OrderID != p.OrderID {
		return order.Payment{}, order.Errorf(order.CodeConflict, "Payment %s belongs to another order.", p.ID)
	}
	return known, err
}

// Payment returns the payment with the provider's id, or an Error with
// CodeNotFound.
func (s *Store) Payment(ctx context.Context, id string) (order.Payment, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+paymentColumns+` FROM payments WHERE payment_id = $1`, id)
	p, err := pgx.CollectExactlyOneRow(rows, scanPayment)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, paymentNotFound(id)
	}
	return p, dbError("read payment", err)
}

func paymentNotFound(id string) error {
	return order.Errorf(order.CodeNotFound, "There is no payment %s.", id)
}

// MovePayment moves a payment from one of the states from to the state to and
// reports whether it did. A REFUNDED payment stays. An unknown one is an Error
// with CodeNotFound.
func (s *Store) MovePayment(ctx context.Context, id string, from []order.PaymentState, to order.PaymentState) (bool, error) {
	var moved, known bool
	err := s.pool.QueryRow(ctx, `
		WITH moved AS (
			UPDATE payments SET state = $3, updated_at = now()
			WHERE payment_id = $1 AND state = ANY ($2) AND state <> 'REFUNDED'
			RETURNING 1
		)
		SELECT EXISTS (SELECT FROM moved), EXISTS (SELECT FROM payments WHERE payment_id = $1)`,
		id, from, string(to)).Scan(&moved, &known)
	if err == nil && !known {
		return false, paymentNotFound(id)
	}
	if moved {
		s.meter.PaymentMoved(to)
	}
	return moved, dbError("move payment", err)
}

// RecordRefund is for a payment that the provider has paid back and that was not
// to be moved to REFUNDED. It returns the payment's state, and notes the payment
// for Audit unless it is REFUNDED, or on its way there. An unknown one is an Error
// with CodeNotFound.
func (s *Store) RecordRefund(ctx context.Context, id string) (state order.PaymentState, err error) {
	err = s.pool.QueryRow(ctx, `
		WITH noted AS (
			INSERT INTO stray_refunds (payment_id, order_id)
			SELECT payment_id, order_id FROM payments WHERE payment_id = $1 AND state NOT IN ('REFUNDING', 'REFUNDED')
			ON CONFLICT DO NOTHING
		)
		SELECT state FROM payments WHERE payment_id = $1`, id).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", paymentNotFound(id)
	}
	return state, dbError("record refund", err)
}

// RecordSandboxRefund notes that the sandbox has paid a payment back.
// Repeating it changes nothing.
func (s *Store) RecordSandboxRefund(ctx context.Context, paymentID string, orderID uuid.UUID, reason string) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO sandbox_refunds (payment_id, order_id, reason) VALUES ($1, $2, $3)
		ON CONFLICT (payment_id) DO NOTHING`, paymentID, orderID, reason)
	return dbError("record sandbox refund", err)
}

// leftPayments finds all that is left by its index before it sorts: for the sake
// of the order the primary key would be walked, through payments long applied.
const leftPayments = `
	WITH unfinished AS MATERIALIZED (
		SELECT ` + paymentColumns + ` FROM payments
		WHERE state IN ('RECEIVED', 'REFUNDING') AND updated_at <= now() - $1::interval
	)
	SELECT ` + paymentColumns + ` FROM unfinished WHERE payment_id > $2 ORDER BY payment_id LIMIT $3`

// UnfinishedPayments returns up to limit payments that were received or are
// being refunded and have not changed for age or longer, by id, from behind the
// id after.
func (s *Store) UnfinishedPayments(ctx context.Context, age time.Duration, after string, limit int) ([]order.Payment, error) {
	rows, _ := s.pool.Query(ctx, leftPayments, age, after, limit)
	left, err := pgx.CollectRows(rows, scanPayment)
	return left, dbError("read unfinished payments", err)
}
