package e2e

import (
	"fmt"
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
	b.cancel(ended.OrderID)
	b.await(ended.OrderID, order.Cancelled)
	s.leave(open.PaymentID, open)
	s.leave(ended.PaymentID, ended)

	if out, err := s.run("--verify"); err == nil || !strings.Contains(out, "I3 FAIL") || !strings.Contains(out, ended.PaymentID) {
		t.Fatalf("verify saw nothing: %v\n%s", err, out)
	}
	for range 2 { // the second finds what the first is doing, and does it no harm
		if out, err := s.run("--repair"); err != nil {
			t.Fatalf("repair: %v\n%s", err, out)
		}
	}
	b.await(open.OrderID, order.Confirmed)
	s.expectRefund(ended.PaymentID)
}
