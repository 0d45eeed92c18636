package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"order-service/order"
)

const (
	overviewSpan     = time.Hour       // of the orders that are counted by status
	overviewOrders   = 250_000         // of them at most, the newest
	overviewRecent   = 5 * time.Second // of those that make the rate
	overviewProducts = 50
)

// Overview reads what an operator watches. It costs one round trip and reads by
// indexes only: the newest orders of the last hour by their ids, which begin with
// their time, and the orders that wait for their payment, the outbox and the
// unsettled payments, which are few. Neither a sale's million finished orders are
// looked at nor a million that wait for a worker: these are when it is needed most.
func (s *Store) Overview(ctx context.Context) (order.Overview, error) {
	v := overview{Overview: order.Overview{
		At: time.Now().UTC(), ByStatus: map[order.Status]int64{}, Payments: map[order.PaymentState]int64{},
	}}
	var batch pgx.Batch
	v.countOrders(&batch)
	v.readOpen(&batch)
	v.readOutbox(&batch)
	v.readPayments(&batch)
	v.readProducts(&batch)
	err := s.pool.SendBatch(ctx, &batch).Close()
	return v.Overview, dbError("read the overview", err)
}

// overview is an Overview while it is read.
type overview struct{ order.Overview }

const ordersByStatus = `
	SELECT status, count(*), count(*) FILTER (WHERE order_id >= $2) FROM (
		SELECT order_id, status FROM orders WHERE order_id >= $1 ORDER BY order_id DESC LIMIT $3
	) newest GROUP BY status`

func (v *overview) countOrders(batch *pgx.Batch) {
	for _, status := range order.Statuses() {
		v.ByStatus[status] = 0
	}
	since, recent := firstID(v.At.Add(-overviewSpan)), firstID(v.At.Add(-overviewRecent))
	batch.Queue(ordersByStatus, since, recent, overviewOrders).Query(func(rows pgx.Rows) error {
		var (
			status        order.Status
			count, recent int64
		)
		_, err := pgx.ForEachRow(rows, []any{&status, &count, &recent}, func() error {
			v.ByStatus[status] = count
			v.PlacedPerSecond += float64(recent) / overviewRecent.Seconds()
			return nil
		})
		return err
	})
}

// firstID is the least id that an order placed at t can have: a UUIDv7 begins
// with its milliseconds (RFC 9562, section 5.7).
func firstID(t time.Time) (id uuid.UUID) {
	var milliseconds [8]byte
	binary.BigEndian.PutUint64(milliseconds[:], uint64(t.UnixMilli()))
	copy(id[:], milliseconds[2:])
	return id
}

// openOrders goes through the index of open orders product by product, where those
// of a status are neighbours, the oldest first. Whoever asks for that by its id
// alone may have the primary key walked from the first order ever placed.
const openOrders = `
	SELECT awaited.currency, sum(n)::bigint, least(sum(amount), 9223372036854775807)::bigint, min(expires_at), NULL::timestamptz, NULL::timestamptz
	FROM products p CROSS JOIN LATERAL (
		SELECT o.currency, count(*) AS n, sum(o.amount) AS amount, min(o.expires_at) AS expires_at
		FROM orders o WHERE o.product_id = p.product_id AND o.status = 'PAYMENT_PENDING'
		GROUP BY o.currency) awaited
	GROUP BY awaited.currency
	UNION ALL
	SELECT '', 0, 0, NULL, min(oldest.created_at) FILTER (WHERE oldest.status = 'PENDING'),
		min(oldest.updated_at) FILTER (WHERE oldest.status = 'INVENTORY_RESERVED')
	FROM products p CROSS JOIN (VALUES ('PENDING'), ('INVENTORY_RESERVED')) AS stands (status) CROSS JOIN LATERAL (
		SELECT o.product_id, o.status, o.created_at, o.updated_at FROM orders o
		WHERE o.status IN ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING')
			AND (o.product_id, o.status, o.order_id) >= (p.product_id, stands.status, '00000000-0000-0000-0000-000000000000')
		ORDER BY o.product_id, o.status, o.order_id LIMIT 1) oldest
	WHERE oldest.product_id = p.product_id AND oldest.status = stands.status
	ORDER BY 1`

func (v *overview) readOpen(batch *pgx.Batch) {
	batch.Queue(openOrders).Query(func(rows pgx.Rows) error {
		var (
			awaited                    int64
			money                      order.Money
			expires, pending, reserved *time.Time
		)
		_, err := pgx.ForEachRow(rows, []any{&money.Currency, &awaited, &money.Amount, &expires, &pending, &reserved}, func() error {
			v.OverdueFor = max(v.OverdueFor, v.age(expires))
			v.OldestPending = max(v.OldestPending, v.age(pending))
			v.ReservedFor = max(v.ReservedFor, v.age(reserved))
			if awaited > 0 {
				v.Awaited += awaited
				v.AwaitedMoney = append(v.AwaitedMoney, money)
			}
			return nil
		})
		return err
	})
}

func (v *overview) readOutbox(batch *pgx.Batch) {
	batch.Queue(`SELECT count(*), min(created_at) FROM outbox`).QueryRow(func(row pgx.Row) error {
		var oldest *time.Time
		err := row.Scan(&v.OutboxRows, &oldest)
		v.OutboxAge = v.age(oldest)
		return err
	})
}

// unsettled leaves old mismatches to the audit: they may never end, and a
// warning that never ends is not read.
const unsettled = `
	SELECT state, count(*), min(updated_at) FROM payments WHERE state IN ('RECEIVED', 'REFUNDING')
	GROUP BY state
	UNION ALL
	SELECT 'MISMATCH', count(DISTINCT payment_id), min(reported_at) FROM (` + openMismatches + `) open
	WHERE reported_at > now() - interval '1 day'`

func (v *overview) readPayments(batch *pgx.Batch) {
	for _, state := range []order.PaymentState{order.PaymentReceived, order.PaymentRefunding, order.PaymentMismatch} {
		v.Payments[state] = 0
	}
	batch.Queue(unsettled).Query(func(rows pgx.Rows) error {
		var (
			state  order.PaymentState
			count  int64
			oldest *time.Time
		)
		_, err := pgx.ForEachRow(rows, []any{&state, &count, &oldest}, func() error {
			v.Payments[state] = count
			switch state {
			case order.PaymentRefunding:
				v.RefundingFor = v.age(oldest)
			case order.PaymentReceived:
				v.ReceivedFor = v.age(oldest)
			}
			return nil
		})
		return err
	})
}

// readProducts reads those with the most units sold, where there are many.
func (v *overview) readProducts(batch *pgx.Batch) {
	batch.Queue(`
		SELECT `+productColumns+` FROM products
		ORDER BY reserved + confirmed DESC, product_id LIMIT $1`, overviewProducts).Query(func(rows pgx.Rows) (err error) {
		v.Products, err = pgx.CollectRows(rows, scanProduct)
		slices.SortFunc(v.Products, func(a, b order.Product) int { return cmp.Compare(a.ID, b.ID) })
		return err
	})
}

// age is how long ago t was; nil is not at all. Clocks may differ a little.
func (v *overview) age(t *time.Time) time.Duration {
	if t == nil {
		return 0
	}
	return max(0, v.At.Sub(*t))
}
