package e2e

import (
	"net/http"
	"testing"

	"order-service/order"
)

// confirm buys, watches and pays: the whole happy path.
func confirm(s *shop) {
	s.t.Helper()
	b, productID := s.anyone(), s.product(10)
	id := b.buy(productID, 2)
	events := b.watch(id, "")

	pending := events.until(order.PaymentPending)
	o := b.get(id)
	if pending.PaymentURL == "" || pending.PaymentURL != o.PaymentURL || pending.ExpiresAt.IsZero() {
		s.t.Errorf("event %+v does not say where and until when to pay; the order does: %s", pending, o.PaymentURL)
	}
	if o.Amount != 2*unitPrice || o.Currency != "EUR" {
		s.t.Errorf("the amount is %d %s", o.Amount, o.Currency)
	}
	s.expectLedger(productID, ledger{Available: 8, Reserved: 2})

	s.paid(o).expect(http.StatusOK)
	if last := events.until(order.Confirmed); last.Seq != 4 {
		s.t.Errorf("CONFIRMED is event %d, want 4", last.Seq)
	}
	events.ends()
	s.expectLedger(productID, ledger{Available: 8, Confirmed: 2})
	if n := s.provider.initiated(); n != 1 {
		s.t.Errorf("%d payments were initiated, want 1", n)
	}
}

func TestPaidOrderIsConfirmedAndWatchedToItsEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	confirm(s)
}

func TestAPIAndWorkerProcessesDoTheSameAsOne(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("worker")
	s.start("api")
	confirm(s)
}

func TestStreamResumesAfterLastEventID(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	o := b.await(id, order.PaymentPending)
	events := b.watch(id, "1")
	if e := events.until(order.InventoryReserved); e.Seq != 2 {
		t.Errorf("the first missed event is %d, want 2", e.Seq)
	}
	s.paid(o).expect(http.StatusOK)
	events.until(order.Confirmed)
	events.ends()
}

func TestDeclinedPaymentFailsTheOrderAndReturnsItsStock(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b, productID := s.anyone(), s.product(3)
	id := b.buy(productID, 3)
	o := b.await(id, order.PaymentPending)
	s.declined(o).expect(http.StatusOK)
	if o = b.await(id, order.Failed); o.FailureReason != order.PaymentDeclined {
		t.Errorf("the reason is %s", o.FailureReason)
	}
	s.expectLedger(productID, ledger{Available: 3})
}

func TestUnpaidOrderFailsWhenItsWindowEnds(t *testing.T) {
	t.Parallel()
	s := newShop(t, "PAYMENT_TIMEOUT", "2s")
	s.start("all")
	b, productID := s.anyone(), s.product(1)
	o := b.await(b.buy(productID, 1), order.Failed)
	if o.FailureReason != order.PaymentTimeout {
		t.Errorf("the reason is %s", o.FailureReason)
	}
	s.expectLedger(productID, ledger{Available: 1})
}

func TestSoldOutSaleRefusesAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	productID := s.product(1)
	b := s.anyone()
	b.await(b.buy(productID, 1), order.PaymentPending)
	s.anyone().order(productID, 1).refused(http.StatusConflict, order.CodeSoldOut)
}

// Stock that shrinks between the gate's yes and the worker's reservation is
// the one way to disappoint an accepted buyer.
func TestAcceptedOrderFailsWhenTheLedgerHasNoStockLeft(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("api")
	productID := s.product(2)
	first, second := s.anyone(), s.anyone()
	a, b := first.buy(productID, 1), second.buy(productID, 1)
	s.putStock(productID, 0)
	s.start("worker")
	for _, o := range []orderView{first.await(a, order.Failed), second.await(b, order.Failed)} {
		if o.FailureReason != order.OutOfStock {
			t.Errorf("order %s: the reason is %s", o.OrderID, o.FailureReason)
		}
	}
	s.expectLedger(productID, ledger{})
}

func TestOrderOfSomeoneElseIsNotFound(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	stranger := s.anyone()
	for _, path := range []string{"", "/timeline", "/events"} {
		stranger.call("GET", "/orders/"+id.String()+path, nil).refused(http.StatusNotFound, order.CodeOrderNotFound)
	}
	stranger.cancel(id).refused(http.StatusNotFound, order.CodeOrderNotFound)
	b.await(id, order.PaymentPending)
}
