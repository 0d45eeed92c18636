package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

const (
	auditGrace   = 30 * time.Second
	auditTimeout = 15 * time.Minute
)

// healthyShop has an order in every status, as the store's own moves leave
// them, published and old enough to be held against every check.
func healthyShop(t *testing.T) (*shop, map[order.Status]uuid.UUID) {
	t.Helper()
	s := newShop(t)
	p := s.put(t, 100, 10)
	ids := map[order.Status]uuid.UUID{}
	for _, status := range order.Statuses() {
		ids[status] = s.at(t, p.ID, status)
	}
	refunded := ids[order.Cancelled]
	s.pay(t, refunded, "sandbox-late")
	_, err := s.MovePayment(t.Context(), "sandbox-late", []order.PaymentState{order.PaymentReceived}, order.PaymentRefunded)
	must(t, err)
	must(t, s.RecordSandboxRefund(t.Context(), "sandbox-late", refunded, "order cancelled"))
	s.exec(t, `DELETE FROM outbox`)
	s.exec(t, `UPDATE orders SET created_at = now() - interval '2 minutes'`)
	s.exec(t, `UPDATE payments SET updated_at = now() - interval '2 minutes'`)
	return s, ids
}

func TestTheAuditOfHealthyDataIsClean(t *testing.T) {
	s, ids := healthyShop(t)
	_, err := s.RecordPayment(t.Context(), order.Payment{
		ID: "odd", OrderID: ids[order.PaymentPending], Money: order.Money{Amount: 1, Currency: "USD"}, State: order.PaymentMismatch,
	})
	must(t, err)
	a, err := s.Audit(t.Context(), auditGrace, auditTimeout)
	must(t, err)
	if len(a.Findings) != 0 {
		t.Errorf("findings: %v", a.Findings)
	}
	if len(a.Notices) != 1 || a.Notices[0].Subject != "odd" {
		t.Errorf("notices: %v", a.Notices)
	}
	want := []uuid.UUID{ids[order.Pending], ids[order.InventoryReserved], ids[order.PaymentPending]}
	if !slices.Equal(a.Open, want) || a.Orders != 6 || a.Payments != 3 || len(a.Products) != 1 {
		t.Errorf("open %v, want %v; %d orders, %d payments, %d products", a.Open, want, a.Orders, a.Payments, len(a.Products))
	}
}

func TestPendingUnitsAreThoseOfPendingOrders(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	first, err := s.Order(t.Context(), s.at(t, p.ID, order.Pending))
	must(t, err)
	s.at(t, p.ID, order.Pending)
	s.at(t, p.ID, order.InventoryReserved)
	got, err := s.PendingUnits(t.Context())
	must(t, err)
	if want := int64(2 * first.Quantity); len(got) != 1 || got[p.ID] != want {
		t.Errorf("got %v, want %d of %s", got, want, p.ID)
	}
}

// Each case breaks one thing by hand and names the finding that must come of
// it. $1 is the id of the order in the status given.
func TestTheAuditReportsEachViolation(t *testing.T) {
	cases := []struct {
		finding string
		status  order.Status
		breaks  []string
	}{
		{"I1 not final in time", order.Pending, []string{`UPDATE orders SET created_at = now() - interval '17 minutes' WHERE order_id = $1`}},
		{"I1 not final in time", order.PaymentPending, []string{`UPDATE orders SET expires_at = now() - interval '2 minutes' WHERE order_id = $1`}},
		{"I1 not published", order.Pending, []string{`
			INSERT INTO outbox (order_ids, created_at, claimed_until) VALUES (ARRAY[$1::uuid], now() - interval '1 minute', now())`}},
		{"I2 the ledger does not add up", order.Pending, []string{
			`ALTER TABLE products DROP CONSTRAINT products_ledger_balances`,
			`UPDATE products SET total = total + 1 FROM orders o WHERE o.order_id = $1`}},
		{"I2 the ledger differs from the reservations", order.InventoryReserved, []string{
			`UPDATE products SET reserved = reserved + 1, available = available - 1 FROM orders o WHERE o.order_id = $1`}},
		{"I2 the reservation differs from its order", order.Cancelled, []string{`DELETE FROM reservations WHERE order_id = $1`}},
		{"I3 received, and neither applied nor refunded", order.Failed, []string{`
			INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at, updated_at)
			VALUES ('stuck', $1, 1, 'EUR', 'REFUNDING', now(), now() - interval '1 minute')`}},
		{"I3 applied to an order that it did not confirm", order.Failed, []string{`
			INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at) VALUES ('kept', $1, 1, 'EUR', 'APPLIED', now())`}},
		{"I3 applied with another amount", order.Confirmed, []string{`UPDATE payments SET amount = amount - 1 WHERE order_id = $1`}},
		{"I3 two payments applied to one order", order.Confirmed, []string{
			`DROP INDEX payments_applied_once`,
			`INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at) VALUES ('twice', $1, 1, 'EUR', 'APPLIED', now())`}},
		{"I3 confirmed without an applied payment", order.Confirmed, []string{`DELETE FROM payments WHERE order_id = $1`}},
		{"I3 paid back, and not as a refund", order.Confirmed, []string{`
			INSERT INTO sandbox_refunds (payment_id, order_id, reason) SELECT payment_id, order_id, '' FROM payments WHERE order_id = $1`}},
		{"I3 paid back, and not as a refund", order.Confirmed, []string{`
			INSERT INTO stray_refunds (payment_id, order_id) SELECT payment_id, order_id FROM payments WHERE order_id = $1`}},
		{"I3 refunded, and not paid back by the sandbox", order.Failed, []string{`
			INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at) VALUES ('sandbox-' || $1::uuid, $1, 1, 'EUR', 'REFUNDED', now())`}},
		{"I4 seq has a gap", order.PaymentPending, []string{`DELETE FROM order_events WHERE order_id = $1 AND seq = 2`}},
		{"I4 seq has a gap", order.Cancelled, []string{`DELETE FROM order_events WHERE order_id = $1`}},
		{"I4 the order differs from its last event", order.Cancelled, []string{
			`UPDATE orders SET status = 'FAILED', failure_reason = 'OUT_OF_STOCK' WHERE order_id = $1`}},
		{"I4 changed after it was final", order.Failed, []string{
			`INSERT INTO order_events (order_id, seq, status, message, occurred_at) VALUES ($1, 3, 'CANCELLED', '', now())`}},
		{"I4 moved illegally", order.PaymentPending, []string{
			`UPDATE order_events SET status = 'CONFIRMED' WHERE order_id = $1 AND seq = 2`}},
		{"I4 confirmed without having waited for a payment", order.PaymentPending, []string{
			`UPDATE order_events SET status = 'CONFIRMED' WHERE order_id = $1 AND seq = 3`}},
	}
	for _, c := range cases {
		t.Run(c.finding, func(t *testing.T) {
			s, ids := healthyShop(t)
			for _, sql := range c.breaks {
				if strings.Contains(sql, "$1") {
					s.exec(t, sql, ids[c.status])
				} else {
					s.exec(t, sql)
				}
			}
			a, err := s.Audit(t.Context(), auditGrace, auditTimeout)
			must(t, err)
			if !slices.ContainsFunc(a.Findings, func(f order.Finding) bool {
				return strings.HasPrefix(f.Invariant+" "+f.Detail, c.finding+": ") && f.Subject != ""
			}) {
				t.Errorf("got %v", a.Findings)
			}
		})
	}
}
