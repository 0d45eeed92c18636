package store

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// save writes what the moves changed, each table by one statement.
func (g *group) save(batch *pgx.Batch) {
	if len(g.events) == 0 {
		return
	}
	g.saveOrders(batch)
	g.saveEvents(batch)
	g.saveProducts(batch)
	g.savePayments(batch)
}

// saveOrders writes the orders with their reservations. A RELEASED one stays
// RELEASED whoever comes later.
func (g *group) saveOrders(batch *pgx.Batch) {
	var (
		ids                                        []pgtype.UUID
		statuses, payments, urls, reasons, reserve []string
		seqs                                       []int64
		expires                                    []zeronull.Timestamptz
		updated                                    []time.Time
	)
	for id, o := range g.orders {
		if !o.changed {
			continue
		}
		ids = append(ids, binaryID(id))
		statuses, reasons = append(statuses, string(o.Status)), append(reasons, string(o.FailureReason))
		seqs, updated = append(seqs, o.Seq), append(updated, o.UpdatedAt)
		payments, urls = append(payments, o.PaymentID), append(urls, o.PaymentURL)
		expires = append(expires, zeronull.Timestamptz(o.ExpiresAt))
		reserve = append(reserve, string(o.reservation))
	}
	batch.Queue(`
		UPDATE orders o SET status = n.status, seq = n.seq, payment_id = n.payment_id, payment_url = n.payment_url,
			failure_reason = n.reason, expires_at = n.expires_at, updated_at = n.updated_at
		FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
			AS n (order_id, status, seq, payment_id, payment_url, reason, expires_at, updated_at)
		WHERE o.order_id = n.order_id`,
		ids, statuses, seqs, payments, urls, reasons, expires, updated)
	batch.Queue(`
		INSERT INTO reservations AS r (order_id, product_id, user_id, quantity, state)
		SELECT o.order_id, o.product_id, o.user_id, o.quantity, n.state
		FROM unnest($1::uuid[], $2::text[]) AS n (order_id, state) JOIN orders o USING (order_id)
		ON CONFLICT (order_id) DO UPDATE SET state = excluded.state WHERE r.state <> 'RELEASED'`, ids, reserve)
}

func (g *group) saveEvents(batch *pgx.Batch) {
	n := len(g.events)
	ids, seqs := make([]pgtype.UUID, n), make([]int64, n)
	statuses, reasons, messages, urls := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	expires, occurred := make([]zeronull.Timestamptz, n), make([]time.Time, n)
	for i, e := range g.events {
		ids[i], seqs[i], statuses[i], reasons[i] = binaryID(e.OrderID), e.Seq, string(e.Status), string(e.Reason)
		messages[i], urls[i] = e.Message, e.PaymentURL
		expires[i], occurred[i] = zeronull.Timestamptz(e.ExpiresAt.Time), e.OccurredAt.Time
	}
	batch.Queue(`
		INSERT INTO order_events (order_id, seq, status, reason, message, payment_url, expires_at, occurred_at)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])`,
		ids, seqs, statuses, reasons, messages, urls, expires, occurred)
}

// saveProducts writes the ledgers; one that did not move keeps its version.
func (g *group) saveProducts(batch *pgx.Batch) {
	var (
		ids                                      []string
		available, reserved, confirmed, versions []int64
	)
	for id, p := range g.products {
		ids, versions = append(ids, id), append(versions, p.Version)
		available = append(available, p.Ledger.Available)
		reserved = append(reserved, p.Ledger.Reserved)
		confirmed = append(confirmed, p.Ledger.Confirmed)
	}
	batch.Queue(`
		UPDATE products p SET available = n.available, reserved = n.reserved, confirmed = n.confirmed, version = n.version
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
			AS n (product_id, available, reserved, confirmed, version)
		WHERE p.product_id = n.product_id AND p.version < n.version`,
		ids, available, reserved, confirmed, versions)
}

// savePayments writes those that were locked and found RECEIVED.
func (g *group) savePayments(batch *pgx.Batch) {
	batch.Queue(`UPDATE payments SET state = 'APPLIED', updated_at = now() WHERE payment_id = ANY ($1)`, g.applied)
}
