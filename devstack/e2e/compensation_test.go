package e2e

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"order-service/order"
)

func TestStockIsReleasedWhileTheRefundFails(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b, productID := s.anyone(), s.product(1)
	o := s.cancelledWithPayment(b, productID, func() { s.provider.meet(refunding, answering(http.StatusInternalServerError)) })
	b.await(o.OrderID, order.Cancelled)
	s.expectLedger(productID, ledger{Available: 1})
	s.awaitTries(refundKey(o), 3)
	time.Sleep(outage())
	if state := s.paymentState(o.PaymentID); state != order.PaymentRefunding {
		t.Errorf("the payment that the provider does not take back is %s", state)
	}
	next := b.buy(productID, 1) // the unit is on sale again
	b.await(next, order.PaymentPending)
	s.provider.meet(refunding, nil)
	s.awaitRefunded(o.PaymentID)
	s.expectMoney(2, 1)
}

// cancelledWithPayment returns an order that was paid and then cancelled while
// its payment was still being initiated, so that stock and money both have to
// go back. Right before that comes to its saga, meanwhile is called.
func (s *shop) cancelledWithPayment(b *buyer, productID string, meanwhile func()) orderView {
	s.t.Helper()
	answer := s.provider.block(s.t)
	id := b.buy(productID, 1)
	<-s.provider.arrived
	o := b.await(id, order.InventoryReserved)
	o.PaymentID = "early-" + id.String()
	s.paid(o).expect(http.StatusOK)
	b.cancel(id).expect(http.StatusOK)
	meanwhile()
	answer()
	return o
}

func TestPaymentIsRefundedWhileTheReleaseOfTheStockFails(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.start("all")
	b, productID := s.anyone(), s.product(1)
	var unlock func()
	var locked time.Time
	o := s.cancelledWithPayment(b, productID, func() { unlock, locked = s.lockProduct(productID), time.Now() })
	s.awaitRefunded(o.PaymentID)
	s.wait("a release that fails", patience, func() bool { return svc.log.has("saga step failed") })
	time.Sleep(time.Until(locked.Add(outage())))
	if now := b.get(o.OrderID); now.Status != order.InventoryReserved {
		t.Errorf("with its stock not released the order is %s", now)
	}
	s.expectLedger(productID, ledger{Reserved: 1})
	unlock()
	b.await(o.OrderID, order.Cancelled)
	s.expectLedger(productID, ledger{Available: 1})
	s.expectMoney(1, 1)
}

func TestPaymentThatComesWhileTheReleaseOfTheStockFailsIsRefundedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.start("all")
	b, productID := s.anyone(), s.product(1)
	o := b.await(b.buy(productID, 1), order.PaymentPending)
	unlock := s.lockProduct(productID)
	failed := svc.log.count("saga step failed") // another step, on a busy machine
	b.cancel(o.OrderID).expect(http.StatusOK)
	s.wait("a release that fails", patience, func() bool { return svc.log.count("saga step failed") > failed })
	s.paid(o).expect(http.StatusOK)
	s.awaitRefunded(o.PaymentID)
	if now := b.get(o.OrderID); now.Status != order.PaymentPending {
		t.Errorf("with its stock not released the order is %s", now)
	}
	unlock()
	b.await(o.OrderID, order.Cancelled)
	s.expectLedger(productID, ledger{Available: 1})
	s.expectMoney(1, 1)
}

// lockProduct keeps everyone else from moving the product's units until the
// returned function is called.
func (s *shop) lockProduct(id string) (unlock func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db := s.database(ctx)
	unlock = sync.OnceFunc(func() { _ = db.Close(context.Background()) }) // which rolls back
	s.t.Cleanup(unlock)
	if _, err := db.Exec(ctx, `BEGIN`); err != nil {
		s.t.Fatal(err)
	}
	if _, err := db.Exec(ctx, `SELECT FROM products WHERE product_id = $1 FOR UPDATE`, id); err != nil {
		s.t.Fatal(err)
	}
	return unlock
}
