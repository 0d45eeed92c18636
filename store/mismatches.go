package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"order-service/order"
)

// openMismatches are the reports of a wrong amount or currency that none has
// followed which fits. The second half are those of a process of the version
// before the table; they may be in the first as well.
const openMismatches = `
	SELECT payment_id, amount, currency, reported_at FROM payment_mismatches WHERE settled_at IS NULL
	UNION ALL
	SELECT payment_id, amount, currency, received_at FROM payments WHERE state = 'MISMATCH'`

// recordMismatch stores a report that does not fit beside its payment, which
// begins as MISMATCH where there is none yet. It returns the payment as it is.
//
// A provider repeats what was not answered 2xx, also once it has put it right:
// what is settled stays so while the money is taken. The payment is locked before
// its mismatches, as by a report that fits: read without, it may be from before
// the one that settled them.
func (s *Store) recordMismatch(ctx context.Context, p order.Payment) (order.Payment, error) {
	var (
		batch   pgx.Batch
		reports []int64
	)
	batch.Queue(`
		INSERT INTO payments (`+paymentColumns+`) VALUES ($1, $2, $3, $4, 'MISMATCH', coalesce($5, now()))
		ON CONFLICT (payment_id) DO NOTHING`,
		p.ID, p.OrderID, p.Money.Amount, p.Money.Currency, zeronull.Timestamptz(p.ReceivedAt))
	batch.Queue(`
		WITH payment AS (
			SELECT payment_id, order_id, state FROM payments WHERE payment_id = $1 AND order_id = $2 FOR SHARE
		)
		INSERT INTO payment_mismatches AS known (payment_id, order_id, amount, currency, reported_at)
		SELECT payment_id, order_id, $3, $4, coalesce($5, now()) FROM payment
		ON CONFLICT (payment_id, amount, currency) DO UPDATE SET
			reports = known.reports + 1, reported_at = excluded.reported_at, settled_at = CASE WHEN EXISTS (
				SELECT FROM payment WHERE state IN ('RECEIVED', 'APPLIED', 'REFUNDING', 'REFUNDED')
			) THEN known.settled_at END
		RETURNING reports`,
		p.ID, p.OrderID, p.Money.Amount, p.Money.Currency, zeronull.Timestamptz(p.ReceivedAt)).Query(func(rows pgx.Rows) (err error) {
		reports, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err := s.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return order.Payment{}, notRecorded(err)
	}
	if slices.Equal(reports, []int64{1}) {
		s.meter.PaymentMoved(order.PaymentMismatch)
	}
	return s.knownPayment(ctx, p)
}
