package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"order-service/order"
)

// unmake takes an order's units, events and payments out of the database, as one
// that was put back to a state of before them; then does the same to the order.
func (s *shop) unmake(id uuid.UUID, then string) {
	s.t.Helper()
	s.awaitEnded(id)
	s.ask(fmt.Sprintf(`
		WITH units AS (DELETE FROM reservations WHERE order_id = '%[1]s' RETURNING *),
			stock AS (UPDATE products p SET version = version + 1,
					available = available + CASE WHEN u.state = 'RELEASED' THEN 0 ELSE u.quantity END,
					reserved = reserved - CASE WHEN u.state = 'RESERVED' THEN u.quantity ELSE 0 END,
					confirmed = confirmed - CASE WHEN u.state = 'CONFIRMED' THEN u.quantity ELSE 0 END
				FROM units u WHERE p.product_id = u.product_id),
			events AS (DELETE FROM order_events WHERE order_id = '%[1]s'),
			money AS (DELETE FROM payments WHERE order_id = '%[1]s')
		%[2]s WHERE order_id = '%[1]s' RETURNING order_id::text`, id, then), new(string))
}

// lose has the database lose the order, as a failover to a standby without it.
func (s *shop) lose(id uuid.UUID) { s.t.Helper(); s.unmake(id, `DELETE FROM orders`) }

// putBack has it know of nothing that became of the order, as an older backup.
func (s *shop) putBack(id uuid.UUID) {
	s.t.Helper()
	s.unmake(id, `UPDATE orders SET status = 'PENDING', seq = 1, payment_id = '', payment_url = '', expires_at = NULL`)
}

// age makes all open orders and payments old enough to be driven on.
func (s *shop) age() {
	s.t.Helper()
	for _, table := range []string{"orders", "payments"} {
		s.ask(fmt.Sprintf(`WITH aged AS (UPDATE %s SET updated_at = updated_at - interval '1 minute' RETURNING 1)
			SELECT count(*) FROM aged`, table), new(int))
	}
}

func (s *shop) repair() {
	s.t.Helper()
	s.age()
	s.repaired()
}

// An asynchronous standby that becomes the primary may not have an order yet for
// which the buyer has the link to pay.
func TestPaymentOfAnOrderThatPostgresLostBuysIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b, productID := s.anyone(), s.product(2)
	lost := b.await(b.buy(productID, 1), order.PaymentPending)
	back := b.await(b.buy(productID, 1), order.PaymentPending)
	s.lose(lost.OrderID)
	s.putBack(back.OrderID)
	b.call("GET", "/orders/"+lost.OrderID.String(), nil).refused(http.StatusNotFound, order.CodeOrderNotFound)
	b.cancel(lost.OrderID).refused(http.StatusNotFound, order.CodeOrderNotFound)
	for _, o := range []orderView{lost, back} {
		for range 2 {
			s.paid(o).expect(http.StatusOK)
		}
		b.await(o.OrderID, order.Confirmed)
		s.paid(o).expect(http.StatusOK)
	}
	s.expectMoney(2, 0)
	s.expectLedger(productID, ledger{Confirmed: 2})
}

// The saga was told of the payment, and no worker took it before the database
// lost both.
func TestPaymentThatPostgresLostWithItsOrderBuysIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("api")
	b := s.anyone()
	early := b.get(b.buy(s.product(1), 1))
	early.PaymentID = "early-" + early.OrderID.String()
	s.paid(early).expect(http.StatusOK)
	s.lose(early.OrderID)
	s.start("worker")
	s.wait("the order to be restored", patience, func() bool {
		return b.call("GET", "/orders/"+early.OrderID.String(), nil).status == http.StatusOK
	})
	b.await(early.OrderID, order.Confirmed)
	s.paid(early).expect(http.StatusOK)
	s.expectMoney(1, 0)
}

// The standby that became the primary has the order as it waited for its payment,
// and not the payment. Its buyer was told that it is theirs, and the provider that
// the report was taken.
func TestOrderWhoseConfirmationPostgresLostIsConfirmedAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b, productID := s.anyone(), s.product(2)
	o := b.await(b.buy(productID, 1), order.PaymentPending)
	s.paid(o).expect(http.StatusOK)
	b.await(o.OrderID, order.Confirmed)
	s.putBack(o.OrderID)
	s.repair()
	b.await(o.OrderID, order.Confirmed)
	s.paid(o).expect(http.StatusOK)
	s.expectMoney(1, 0)
	s.expectLedger(productID, ledger{Available: 1, Confirmed: 1})
}

// What a runbook asks for after a restore: the provider sends the reports again
// of all payments that it still has. Only it knows of those that the database
// took after the backup and whose workflows have ended.
func TestReportsSentAgainAfterARestoreBringBackWhatWasPaid(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b, productID := s.anyone(), s.product(10)
	var paid []orderView
	for range 3 {
		o := b.await(b.buy(productID, 1), order.PaymentPending)
		s.paid(o).expect(http.StatusOK)
		b.await(o.OrderID, order.Confirmed)
		paid = append(paid, o)
	}
	left := b.await(b.buy(productID, 1), order.PaymentPending)
	b.cancel(left.OrderID).expect(http.StatusOK)
	b.await(left.OrderID, order.Cancelled)
	s.lose(paid[0].OrderID)
	s.putBack(paid[1].OrderID)
	s.lose(left.OrderID)

	s.repair()
	recorded := fmt.Sprintf(`SELECT count(*) FROM payments WHERE payment_id = '%s'`, paid[0].PaymentID)
	s.wait("the report is recorded", patience, func() bool { // and its order begins anew
		s.paid(paid[0]).refused(http.StatusServiceUnavailable, order.CodeUnavailable)
		return s.count(recorded) == 1
	})
	for _, o := range []orderView{paid[1], paid[2], left} {
		s.wait("the report is taken", patience, func() bool { return s.paid(o).status == http.StatusOK })
	}
	s.repair()
	for _, o := range paid {
		b.await(o.OrderID, order.Confirmed)
		s.wait("the report is taken", patience, func() bool { return s.paid(o).status == http.StatusOK })
	}
	s.awaitRefunded(left.PaymentID)
	s.paid(left).expect(http.StatusOK)
	s.expectMoney(4, 1)
	s.expectLedger(productID, ledger{Available: 7, Confirmed: 3})
}
