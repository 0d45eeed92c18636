package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"order-service/order"
)

// expectRefund waits until the provider was asked to give the payment back.
// That it was asked once is seen when the shop is closed.
func (s *shop) expectRefund(paymentID string) {
	s.t.Helper()
	s.wait("payment "+paymentID+" is refunded", patience, func() bool { return s.provider.refunded(paymentID) > 0 })
}

// wait polls until what is true.
func (s *shop) wait(what string, limit time.Duration, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// refundPause is the longest time between two tries of a refund.
const refundPause = time.Minute

// paymentState is what the service's books say of a payment.
func (s *shop) paymentState(id string) (state order.PaymentState) {
	s.t.Helper()
	s.ask(fmt.Sprintf(`SELECT state FROM payments WHERE payment_id = '%s'`, id), &state)
	return state
}

// awaitRefunded waits until the provider has given the payment back and the
// books say so. After an outage the next try may be a pause away.
func (s *shop) awaitRefunded(paymentID string) {
	s.t.Helper()
	s.wait("payment "+paymentID+" is refunded", patience+refundPause, func() bool {
		return s.provider.refunded(paymentID) > 0 && s.paymentState(paymentID) == order.PaymentRefunded
	})
}

// expectMoney fails the test unless the provider made and gave back so many
// payments.
func (s *shop) expectMoney(made, back int) {
	s.t.Helper()
	if n := s.provider.initiated(); n != made {
		s.t.Errorf("%d payments were made, want %d", n, made)
	}
	if n := s.provider.refundedPayments(); n != back {
		s.t.Errorf("%d payments were given back, want %d", n, back)
	}
}

func TestPaymentAfterTheWindowIsRefunded(t *testing.T) {
	t.Parallel()
	s := newShop(t, "PAYMENT_TIMEOUT", "2s")
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	o := b.await(id, order.Failed)
	for range 3 {
		s.paid(o).expect(http.StatusOK)
	}
	s.expectRefund(o.PaymentID)
	b.await(id, order.Failed)
}

func TestPaymentOfACancelledOrderIsRefunded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	o := b.await(id, order.PaymentPending)
	b.cancel(id).expect(http.StatusOK)
	b.await(id, order.Cancelled)
	s.paid(o).expect(http.StatusOK)
	s.expectRefund(o.PaymentID)
}

func TestSecondPaymentOfOneOrderIsRefunded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	o := b.await(id, order.PaymentPending)
	for range 2 {
		s.paid(o).expect(http.StatusOK)
	}
	b.await(id, order.Confirmed)
	again := o
	again.PaymentID += "-again"
	s.paid(again).expect(http.StatusOK)
	s.expectRefund(again.PaymentID)
	if n := s.provider.refunded(o.PaymentID); n != 0 {
		t.Errorf("the applied payment was refunded %d times", n)
	}
}

func TestUnsignedAndWrongPaymentsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	o := b.await(id, order.PaymentPending)
	s.send("POST", "/orders/"+id.String()+"/payment-success", []byte(`{}`), "Content-Type", "application/json").
		refused(http.StatusUnauthorized, order.CodeBadSignature)
	wrong := o
	wrong.PaymentID, wrong.Amount = "pay-wrong-"+id.String(), 1
	s.paid(wrong).refused(http.StatusConflict, order.CodeAmountMismatch)
	if o := b.get(id); o.Status != order.PaymentPending {
		t.Errorf("the order is %s", o)
	}
	s.paid(o).expect(http.StatusOK)
	b.await(id, order.Confirmed)
}

// choose opens the order's sandbox page and presses one of its buttons.
func (s *shop) choose(o orderView, choice string) {
	s.t.Helper()
	link, err := url.Parse(o.PaymentURL)
	if err != nil {
		s.t.Fatal(err)
	}
	page := s.send("GET", link.RequestURI(), nil).expect(http.StatusOK)
	if !strings.Contains(string(page.body), `value="`+choice+`"`) {
		s.t.Fatalf("the page has no button %q:\n%s", choice, page.body)
	}
	form := link.Query()
	form.Set("choice", choice)
	s.send("POST", link.Path, []byte(form.Encode()), "Content-Type", "application/x-www-form-urlencoded").expect(http.StatusOK)
}

func TestSandboxPageConfirmsOrDeclines(t *testing.T) {
	t.Parallel()
	s := newShop(t, "PAYMENT_SANDBOX", "true", "PAYMENT_URL", "")
	s.start("all")
	productID := s.product(10)
	for choice, want := range map[string]order.Status{"pay": order.Confirmed, "decline": order.Failed} {
		b := s.anyone()
		id := b.buy(productID, 1)
		s.choose(b.await(id, order.PaymentPending), choice)
		b.await(id, want)
	}
	s.expectLedger(productID, ledger{Available: 9, Confirmed: 1})
}

func TestSandboxPaymentAfterCancelIsRefunded(t *testing.T) {
	t.Parallel()
	s := newShop(t, "PAYMENT_SANDBOX", "true", "PAYMENT_URL", "")
	s.start("all")
	b := s.anyone()
	id := b.buy(s.product(1), 1)
	o := b.await(id, order.PaymentPending)
	b.cancel(id).expect(http.StatusOK)
	b.await(id, order.Cancelled)
	s.choose(o, "pay") // verify finds a payment that is not given back
}
