package e2e

import (
	"net/http"
	"testing"

	"order-service/order"
)

func TestPendingOrderIsCancelledBeforeAnyWorkerSawIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("api")
	b, productID := s.anyone(), s.product(1)
	id := b.buy(productID, 1)
	if o := b.cancel(id).order(); o.Status != order.Pending || !o.CancelRequested {
		t.Errorf("without a worker, cancel answered %+v", o)
	}
	s.start("worker")
	b.await(id, order.Cancelled)
	s.expectLedger(productID, ledger{Available: 1})
	if n := s.provider.initiated(); n != 0 {
		t.Errorf("%d payments were initiated for a cancelled order", n)
	}
}

func TestReservedOrderIsCancelledOnceTheProviderAnswers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	release := s.provider.block(t)
	s.start("all")
	b, productID := s.anyone(), s.product(1)
	id := b.buy(productID, 1)
	<-s.provider.arrived
	b.await(id, order.InventoryReserved)
	if o := b.cancel(id).order(); !o.CancelRequested && o.Status != order.Cancelled {
		t.Errorf("cancel answered %+v", o)
	}
	release()
	b.await(id, order.Cancelled)
	s.expectLedger(productID, ledger{Available: 1})
}

// The answer waits for the outcome for two seconds, which is not long for a busy
// machine: then it says that the order is being cancelled.
func TestOrderWaitingForPaymentIsCancelledOnlyOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b, productID := s.anyone(), s.product(1)
	id := b.buy(productID, 1)
	b.await(id, order.PaymentPending)
	if o := b.cancel(id).order(); !o.CancelRequested && o.Status != order.Cancelled {
		t.Errorf("cancel answered %+v", o)
	}
	b.await(id, order.Cancelled)
	if o := b.cancel(id).order(); o.CancelRequested || o.Status != order.Cancelled {
		t.Errorf("the second cancel answered %+v", o)
	}
	s.expectLedger(productID, ledger{Available: 1})
}

func TestConfirmedOrderIsNotCancellable(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	s.paid(b.await(id, order.PaymentPending)).expect(http.StatusOK)
	b.await(id, order.Confirmed)
	b.cancel(id).refused(http.StatusConflict, order.CodeNotCancellable)
}
