package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// trouble is what requests meet that are meant for work.
type trouble func(work http.HandlerFunc) http.HandlerFunc

// answering says that nothing was done, with an HTTP status.
func answering(status int) trouble {
	return func(http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, http.StatusText(status), status) }
	}
}

// away breaks the connection at once.
func away(http.HandlerFunc) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
}

// cutting does the work, and breaks the connection instead of saying so.
func cutting(work http.HandlerFunc) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		work(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

// silent does the work and says nothing until the client gives up.
func silent(work http.HandlerFunc) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		work(httptest.NewRecorder(), r)
		<-r.Context().Done()
	}
}

// outage is how long provider and database fail where that is a choice; in
// the short form they come back as soon as the test has seen enough.
func outage() time.Duration {
	if os.Getenv("SOAK") != "" {
		return time.Minute
	}
	return 0
}

// awaitTries waits until requests under key have met the provider's trouble.
func (s *shop) awaitTries(key string, n int) {
	s.t.Helper()
	s.wait(fmt.Sprintf("%d requests to the provider under the key %s", n, key), patience, func() bool { return s.provider.tries(key) >= n })
}

func refundKey(o orderView) string { return "refund-" + o.PaymentID }

// The shops do not use t.Parallel: all that each does is wait for retries.
func TestProviderInTroubleTakesAndReturnsEachPaymentOnce(t *testing.T) {
	t.Parallel()
	var shops sync.WaitGroup
	for name, trouble := range map[string]trouble{
		"AnswersServerError":           answering(http.StatusInternalServerError),
		"AnswersTooMany":               answering(http.StatusTooManyRequests),
		"KnowsNoKey":                   answering(http.StatusUnauthorized),
		"KnowsNoRoute":                 answering(http.StatusNotFound),
		"BreaksConnection":             away,
		"BreaksConnectionAfterTheWork": cutting,
		"AnswersTooLate":               silent,
	} {
		shops.Go(func() { t.Run(name, func(t *testing.T) { takeAndReturn(t, trouble) }) })
	}
	shops.Wait()
}

// takeAndReturn has one order paid, and another one paid too late, by a
// provider that is in trouble both times.
func takeAndReturn(t *testing.T, trouble trouble) {
	s := newShop(t)
	s.start("all")
	keeps, leaves, productID := s.anyone(), s.anyone(), s.product(5)
	s.provider.meet(initiating, trouble)
	kept, left := keeps.buy(productID, 1), leaves.buy(productID, 1)
	keeps.waitInTrouble(kept)
	leaves.waitInTrouble(left)
	s.provider.meet(initiating, nil)
	pay(s, keeps, keeps.asked(kept))
	keeps.await(kept, order.Confirmed)
	late := leaves.asked(left)
	cancel(s, leaves, late)
	leaves.await(left, order.Cancelled)

	s.provider.meet(refunding, trouble)
	s.paid(late).expect(http.StatusOK)
	s.awaitTries(refundKey(late), 2)
	if state := s.paymentState(late.PaymentID); state != order.PaymentRefunding {
		t.Errorf("the payment that the provider does not take back is %s", state)
	}
	s.provider.meet(refunding, nil)
	s.awaitRefunded(late.PaymentID)
	s.expectMoney(2, 1)
	s.expectLedger(productID, ledger{Available: 4, Confirmed: 1})
}

// waitInTrouble waits until the order's payment was asked for twice in vain.
func (b *buyer) waitInTrouble(id uuid.UUID) {
	b.shop.t.Helper()
	b.shop.awaitTries(id.String(), 2)
	if o := b.get(id); o.Status != order.InventoryReserved {
		b.shop.t.Errorf("without a payment the order is %s", o)
	}
}

// asked waits until the buyer is asked for the payment that the provider made.
func (b *buyer) asked(id uuid.UUID) orderView {
	b.shop.t.Helper()
	o := b.await(id, order.PaymentPending)
	if made := b.shop.provider.paymentOf(id); o.PaymentID != made {
		b.shop.t.Errorf("the buyer is asked for payment %s, and the provider made %s", o.PaymentID, made)
	}
	return o
}

// The provider has to give back what is owed, whatever it says.
func TestRefundThatTheProviderRefusesIsRepeatedUntilItAgrees(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	o := b.await(b.buy(s.product(1), 1), order.PaymentPending)
	b.cancel(o.OrderID).expect(http.StatusOK)
	b.await(o.OrderID, order.Cancelled)
	s.provider.meet(refunding, answering(http.StatusPaymentRequired))
	s.paid(o).expect(http.StatusOK)
	s.awaitTries(refundKey(o), 3)
	s.provider.meet(refunding, nil)
	s.awaitRefunded(o.PaymentID)
	s.expectMoney(1, 1)
}

// The provider takes the money and is gone: its report comes when the window
// has long ended, and at first it does not take the money back either.
func TestPaymentReportedAfterAnOutageLongerThanTheWindowIsRefundedOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, "PAYMENT_TIMEOUT", "3s")
	s.start("all")
	b, productID := s.anyone(), s.product(1)
	id := b.buy(productID, 1)
	s.wait("the buyer is asked to pay", patience, func() bool { return b.get(id).PaymentID != "" })
	s.provider.meet(initiating, away)
	s.provider.meet(refunding, away)
	o := b.await(id, order.Failed)
	if o.FailureReason != order.PaymentTimeout {
		t.Errorf("the reason is %s", o.FailureReason)
	}
	s.expectLedger(productID, ledger{Available: 1})
	for range 3 {
		s.paid(o).expect(http.StatusOK)
	}
	s.awaitTries(refundKey(o), 2)
	time.Sleep(outage())
	s.provider.meet(initiating, nil)
	s.provider.meet(refunding, nil)
	s.awaitRefunded(o.PaymentID)
	s.expectMoney(1, 1)
}

// The answer to every request is lost, so the order fails while the provider
// has a payment for it, which is then paid.
func TestPaymentMadeByAProviderThatWasGivenUpIsRefundedOnce(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("a provider is given up after 45 seconds")
	}
	t.Parallel()
	s := newShop(t)
	s.start("all")
	s.provider.meet(initiating, cutting)
	s.provider.meet(refunding, cutting)
	b, productID := s.anyone(), s.product(1)
	id := b.buy(productID, 1)
	s.awaitTries(id.String(), 5)
	o := b.await(id, order.Failed)
	if o.FailureReason != order.PaymentUnavailable {
		t.Errorf("the reason is %s", o.FailureReason)
	}
	s.expectLedger(productID, ledger{Available: 1})
	o.PaymentID = s.provider.paymentOf(id)
	for range 3 {
		s.paid(o).expect(http.StatusOK)
	}
	s.awaitTries(refundKey(o), 3)
	s.provider.meet(initiating, nil)
	s.provider.meet(refunding, nil)
	s.awaitRefunded(o.PaymentID)
	s.expectMoney(1, 1)
}
