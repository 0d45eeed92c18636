package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"order-service/order"
)

// leave writes a payment as a process does that dies before it passes the
// payment on, a minute ago.
func (s *shop) leave(paymentID string, o orderView) {
	s.t.Helper()
	s.ask(fmt.Sprintf(`
		INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at, updated_at)
		VALUES ('%s', '%s', %d, '%s', 'RECEIVED', now(), now() - interval '1 minute') RETURNING payment_id`,
		paymentID, o.OrderID, o.Amount, o.Currency), &paymentID)
}

func TestRepairAppliesOrRefundsThePaymentsThatACrashLeftBehind(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	product := s.product(2)
	open := b.await(b.buy(product, 1), order.PaymentPending)
	ended := b.await(b.buy(product, 1), order.PaymentPending)
	b.cancel(ended.OrderID).expect(http.StatusOK)
	b.await(ended.OrderID, order.Cancelled)
	s.leave(open.PaymentID, open)
	s.leave(ended.PaymentID, ended)

	if out, err := s.run("--verify"); err == nil || !strings.Contains(out, "I3 FAIL") || !strings.Contains(out, ended.PaymentID) {
		t.Fatalf("verify saw nothing: %v\n%s", err, out)
	}
	for range 2 { // the second finds what the first is doing, and does it no harm
		s.repaired()
	}
	b.await(open.OrderID, order.Confirmed)
	s.expectRefund(ended.PaymentID)
}

// A database that was restored, or failed over, to a state of before an order's
// end has the order open while its workflow is COMPLETED. Repair used to say
// "workflow started" of it for ever.
func TestRepairBeginsAnewAnOrderThatARestoreMadeOpenAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	b.await(id, order.PaymentPending)
	b.cancel(id).expect(http.StatusOK)
	b.await(id, order.Cancelled)
	s.awaitEnded(id)
	s.ask(fmt.Sprintf(`
		WITH events AS (DELETE FROM order_events WHERE order_id = '%[1]s'),
			units AS (DELETE FROM reservations WHERE order_id = '%[1]s')
		UPDATE orders SET status = 'PENDING', seq = 1, payment_id = '', payment_url = '', expires_at = NULL,
			created_at = now() - interval '1 minute', updated_at = now() - interval '1 minute'
		WHERE order_id = '%[1]s' RETURNING order_id::text`, id), &id)

	if said := s.repaired(); !strings.Contains(said, "order "+id.String()+", PENDING: no workflow ran for it; started") {
		t.Fatalf("repair: %s", said)
	}
	b.await(id, order.PaymentPending)
	if said := s.repaired(); strings.Contains(said, id.String()) {
		t.Errorf("the second repair: %s", said)
	}
}

// Its refund has completed, and its payment is where it was before. Repair used
// to say "refund started" and the provider was not asked.
func TestRepairRefundsAnewAPaymentThatARestoreMadeOpenAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	o := b.refunded(s.product(1))
	for _, state := range []order.PaymentState{order.PaymentRefunding, order.PaymentReceived} {
		s.ask(fmt.Sprintf(`UPDATE payments SET state = '%s', updated_at = now() - interval '1 minute'
			WHERE payment_id = '%s' RETURNING payment_id`, state, o.PaymentID), new(string))
		if said := s.repaired(); !strings.Contains(said, "payment "+o.PaymentID+" of order "+o.OrderID.String()+", CANCELLED: refund started") {
			t.Fatalf("repair: %s", said)
		}
		s.awaitRefunded(o.PaymentID)
		s.awaitWorkflowEnd("refund-" + o.PaymentID)
	}
	if n := s.provider.tries(refundKey(o)); n < 3 { // more often where it answered too late
		t.Errorf("the provider was asked %d times under one key, want 3 at least", n)
	}
	if said := s.repaired(); strings.Contains(said, o.PaymentID) {
		t.Errorf("the last repair: %s", said)
	}
}

// loseRefund puts an order that was cancelled, and its payment that was given
// back, to where they were before, as an old standby or a backup has them. Its
// window ends after left, an interval of Postgres.
func (s *shop) loseRefund(o orderView, left string) {
	s.t.Helper()
	s.ask(fmt.Sprintf(`
		WITH events AS (DELETE FROM order_events WHERE order_id = '%[1]s' AND seq > 3),
			asked AS (UPDATE order_events SET expires_at = now() + interval '%[3]s' WHERE order_id = '%[1]s' AND seq = 3),
			units AS (UPDATE reservations SET state = 'RESERVED' WHERE order_id = '%[1]s'),
			ledger AS (UPDATE products p SET available = available - 1, reserved = reserved + 1, version = version + 1
				FROM orders o WHERE o.order_id = '%[1]s' AND p.product_id = o.product_id),
			money AS (UPDATE payments SET state = 'RECEIVED', updated_at = now() - interval '1 minute' WHERE payment_id = '%[2]s')
		UPDATE orders SET status = 'PAYMENT_PENDING', seq = 3, expires_at = now() + interval '%[3]s', updated_at = now() - interval '1 minute'
		WHERE order_id = '%[1]s' RETURNING order_id::text`, o.OrderID, o.PaymentID, left), new(string))
}

// The payment used to be passed on to the order that was begun anew, or was found
// at the end of its window: the buyer had the goods and the money.
func TestPaymentWhoseRefundPostgresLostBuysNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	refunded := func() orderView {
		o := b.await(b.buy(s.product(1), 1), order.PaymentPending)
		b.cancel(o.OrderID).expect(http.StatusOK)
		b.await(o.OrderID, order.Cancelled)
		s.paid(o).expect(http.StatusOK)
		s.awaitRefunded(o.PaymentID)
		s.awaitWorkflowEnd("refund-" + o.PaymentID)
		return o
	}
	waiting, over := refunded(), refunded()
	s.loseRefund(waiting, "10 minutes")
	s.loseRefund(over, "-1 second")
	if said := s.repaired(); strings.Contains(said, "passed on") {
		t.Fatalf("repair: %s", said)
	}
	b.await(over.OrderID, order.Failed)
	s.awaitRefunded(waiting.PaymentID)
	if o := b.get(waiting.OrderID); o.Status != order.PaymentPending {
		t.Errorf("the order that waits is %s", o.Status)
	}
	// Its saga may have been faster than the repair, and left the rest to the next.
	s.ask(`
		WITH aged AS (UPDATE payments SET updated_at = now() - interval '1 minute' WHERE state = 'REFUNDING' RETURNING 1)
		SELECT count(*) FROM aged`, new(int))
	s.repaired()
	s.awaitRefunded(over.PaymentID)
	for _, o := range []orderView{waiting, over} {
		if n := s.provider.tries(refundKey(o)); n < 2 { // more often where it answered too late
			t.Errorf("the provider was asked %d times under the key of %s, want 2 at least", n, o.PaymentID)
		}
	}
	s.expectMoney(2, 2)
}

// The database has lost the payment altogether, and the provider sends its report
// again before the upkeep could know of it.
func TestPaymentWhoseRefundPostgresLostBuysNothingWhenItIsReportedAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	o := b.refunded(s.product(1))
	s.putBack(o.OrderID)
	s.repair() // its saga begins anew, and the provider has the same payment for it
	if again := b.await(o.OrderID, order.PaymentPending); again.PaymentID != o.PaymentID {
		t.Fatalf("the buyer is asked for %s, before that for %s", again.PaymentID, o.PaymentID)
	}
	s.paid(o).expect(http.StatusOK)
	s.wait("the payment is on its way back", patience, func() (back bool) {
		s.ask(fmt.Sprintf(`SELECT state IN ('REFUNDING', 'REFUNDED') FROM payments WHERE payment_id = '%s'`, o.PaymentID), &back)
		return back
	})
	if now := b.get(o.OrderID); now.Status != order.PaymentPending {
		t.Errorf("the order is %s", now.Status)
	}
	s.repair()
	s.awaitRefunded(o.PaymentID)
	s.paid(o).expect(http.StatusOK)
	s.expectMoney(1, 1)
}

// An asynchronous standby that becomes the primary may not have the payment yet
// which the provider was told is received, and the saga was told of.
func TestPaymentThatPostgresLostBuysItsOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("api")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	early := b.get(id)
	early.PaymentID = "early-" + id.String()
	s.paid(early).expect(http.StatusOK)
	s.ask(fmt.Sprintf(`DELETE FROM payments WHERE payment_id = '%s' RETURNING payment_id`, early.PaymentID), new(string))
	s.start("worker")
	if o := b.await(id, order.Confirmed); o.PaymentID != early.PaymentID {
		t.Errorf("it was bought by %s", o.PaymentID)
	}
	s.paid(early).expect(http.StatusOK)
	s.expectMoney(1, 0)
}

// refunded is an order that was cancelled and paid after that, of which the money
// was given back.
func (b *buyer) refunded(productID string) orderView {
	b.shop.t.Helper()
	o := b.await(b.buy(productID, 1), order.PaymentPending)
	b.cancel(o.OrderID).expect(http.StatusOK)
	b.await(o.OrderID, order.Cancelled)
	b.shop.paid(o).expect(http.StatusOK)
	b.shop.awaitRefunded(o.PaymentID)
	b.shop.awaitWorkflowEnd("refund-" + o.PaymentID)
	return o
}
