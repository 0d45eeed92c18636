package store

// check is one question to the database. Its rows are violations, as (subject,
// what about it); its arguments are those of auditArgs.
type check struct {
	invariant, detail, sql string
}

// violations are the checks of the invariants, in their order:
//
//	I1 every accepted order ends in time, and is published
//	I2 a product's ledger equals its orders
//	I3 every payment is applied to one confirmed order, or refunded once
//	I4 a final status never changes, and no event is missing
//
// The sandbox's books are compared in both directions; its payments are told
// from a real provider's by their ids, which are made of their orders'.
func violations() []check {
	return []check{
		{"I1", "not final in time", `
			SELECT order_id::text, status || ' since ' || updated_at::text FROM orders
			WHERE status IN ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING')
				AND coalesce(expires_at, created_at + @to_final::interval) + @to_end::interval < now()`},
		{"I1", "not published", `
			SELECT order_id::text, 'in outbox row ' || id::text FROM outbox CROSS JOIN unnest(order_ids) AS order_id
			WHERE created_at < now() - @grace::interval`},

		{"I2", "the ledger does not add up", `
			SELECT product_id, total::text || ' <> ' || available::text || ' + ' || reserved::text || ' + ' || confirmed::text
			FROM products WHERE total <> available + reserved + confirmed`},
		{"I2", "the ledger differs from the reservations", `
			SELECT p.product_id, 'reserved ' || p.reserved::text || ' and ' || r.reserved::text
				|| ', confirmed ' || p.confirmed::text || ' and ' || r.confirmed::text
			FROM products p CROSS JOIN LATERAL (
				SELECT coalesce(sum(quantity) FILTER (WHERE state = 'RESERVED'), 0) AS reserved,
					coalesce(sum(quantity) FILTER (WHERE state = 'CONFIRMED'), 0) AS confirmed
				FROM reservations WHERE product_id = p.product_id AND state <> 'RELEASED') r
			WHERE (p.reserved, p.confirmed) <> (r.reserved, r.confirmed)`},
		{"I2", "the reservation differs from its order", `
			SELECT o.order_id::text, o.status || ' with ' || coalesce(r.state, 'no reservation')
			FROM orders o LEFT JOIN reservations r USING (order_id)
			WHERE coalesce(r.state, '') <> CASE
					WHEN o.status = 'PENDING' THEN ''
					WHEN o.status = 'CONFIRMED' THEN 'CONFIRMED'
					WHEN o.status IN ('FAILED', 'CANCELLED') THEN 'RELEASED'
					ELSE 'RESERVED' END
				OR (r.product_id, r.user_id, r.quantity) <> (o.product_id, o.user_id, o.quantity)`},

		{"I3", "received, and neither applied nor refunded", `
			SELECT payment_id, state || ' since ' || updated_at::text FROM payments
			WHERE state IN ('RECEIVED', 'REFUNDING') AND updated_at < now() - @grace::interval`},
		{"I3", "applied to an order that it did not confirm", `
			SELECT p.payment_id, 'order ' || o.order_id::text || ' is ' || o.status
			FROM payments p JOIN orders o USING (order_id)
			WHERE p.state = 'APPLIED' AND (o.status <> 'CONFIRMED' OR o.payment_id <> p.payment_id)`},
		{"I3", "applied to an order that is not there", `
			SELECT payment_id, 'order ' || order_id::text FROM payments p
			WHERE state = 'APPLIED' AND NOT EXISTS (SELECT FROM orders o WHERE o.order_id = p.order_id)`},
		{"I3", "applied with another amount", `
			SELECT p.payment_id, p.amount || ' ' || p.currency || ' for order ' || o.order_id::text
			FROM payments p JOIN orders o USING (order_id)
			WHERE p.state = 'APPLIED' AND (p.amount, p.currency) <> (o.amount, o.currency)`},
		{"I3", "two payments applied to one order", `
			SELECT order_id::text, string_agg(payment_id, ', ') FROM payments
			WHERE state = 'APPLIED' GROUP BY order_id HAVING count(*) > 1`},
		{"I3", "confirmed without an applied payment", `
			SELECT order_id::text, 'payment ' || payment_id FROM orders o
			WHERE status = 'CONFIRMED' AND amount > 0 AND NOT EXISTS (
				SELECT FROM payments p WHERE p.order_id = o.order_id AND p.state = 'APPLIED')`},
		{"I3", "paid back, and not as a refund", `
			SELECT r.payment_id, 'the payment is ' || coalesce(p.state, 'unknown')
			FROM (SELECT payment_id FROM sandbox_refunds UNION SELECT payment_id FROM stray_refunds) r
			LEFT JOIN payments p USING (payment_id)
			WHERE p.state IS NULL OR p.state NOT IN ('REFUNDING', 'REFUNDED')`},
		{"I3", "refunded, and not paid back by the sandbox", `
			SELECT payment_id, 'order ' || order_id::text FROM payments p
			WHERE state = 'REFUNDED' AND payment_id = 'sandbox-' || order_id::text
				AND NOT EXISTS (SELECT FROM sandbox_refunds r WHERE r.payment_id = p.payment_id)`},

		{"I4", "seq has a gap", `
			SELECT o.order_id::text, 'seq ' || o.seq::text || ', events ' || coalesce(e.seqs, 'none')
			FROM orders o LEFT JOIN (
				SELECT order_id, count(*) AS n, max(seq) AS last, string_agg(seq::text, ' ' ORDER BY seq) AS seqs
				FROM order_events GROUP BY order_id) e USING (order_id)
			WHERE (coalesce(e.n, 0), coalesce(e.last, 1)) <> (o.seq - 1, o.seq)`},
		{"I4", "the order differs from its last event", `
			SELECT o.order_id::text, o.status || ' and ' || e.status
			FROM orders o JOIN order_events e ON e.order_id = o.order_id AND e.seq = o.seq
			WHERE (o.status, o.failure_reason) <> (e.status, e.reason)`},
		{"I4", "changed after it was final", moves + `
			SELECT order_id::text, previous || ' became ' || status FROM moves
			WHERE previous IN ('CONFIRMED', 'FAILED', 'CANCELLED')`},
		{"I4", "moved illegally", moves + `
			SELECT order_id::text, previous || ' became ' || status FROM moves
			WHERE previous NOT IN ('CONFIRMED', 'FAILED', 'CANCELLED')
				AND (previous, status) NOT IN (SELECT * FROM unnest(@legal_from::text[], @legal_to::text[]))`},
		{"I4", "confirmed without having waited for a payment", moves + `
			SELECT order_id::text, previous || ' became ' || moves.status FROM moves JOIN orders USING (order_id)
			WHERE moves.status = 'CONFIRMED' AND previous = 'INVENTORY_RESERVED' AND amount > 0`},
	}
}

// moves gives every event the status before it.
const moves = `
			WITH moves AS (
				SELECT order_id, status, lag(status, 1, 'PENDING') OVER (PARTITION BY order_id ORDER BY seq) AS previous
				FROM order_events)`

// notices are states that are legal and need a person.
func notices() []check {
	return []check{
		{"I3", "the amount or currency differs from the order's", `
			SELECT DISTINCT p.payment_id, open.amount::text || ' ' || open.currency
				|| ' for order ' || p.order_id::text || ', the payment is ' || p.state
			FROM (` + openMismatches + `) open JOIN payments p USING (payment_id)`},
	}
}
