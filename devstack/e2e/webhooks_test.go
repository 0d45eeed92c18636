package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"order-service/order"
)

// delivery is a signed webhook as it goes over the wire. Sent again it is the
// same to the last byte, its webhook-id too.
type delivery struct {
	path    string
	body    []byte
	headers []string
}

func (s *shop) signed(id uuid.UUID, event string, payload map[string]any) delivery {
	s.t.Helper()
	wh, err := webhooks.NewWebhook(s.env["PAYMENT_WEBHOOK_SECRET"])
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := json.Marshal(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	msg, now := "msg_"+rand.Text(), time.Now()
	signature, err := wh.Sign(msg, now, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return delivery{fmt.Sprintf("/orders/%s/%s", id, event), body, []string{
		"Content-Type", "application/json",
		"webhook-id", msg, "webhook-timestamp", strconv.FormatInt(now.Unix(), 10), "webhook-signature", signature,
	}}
}

func (s *shop) deliver(d delivery) reply {
	s.t.Helper()
	return s.send("POST", d.path, d.body, d.headers...)
}

func TestSameDeliveryAgainHasNoEffect(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	first, second := s.start("all"), s.start("api")
	productID := s.product(5)
	for _, end := range []order.Status{order.Confirmed, order.Cancelled} {
		b := s.anyone()
		o := b.await(b.buy(productID, 1), order.PaymentPending)
		if end == order.Cancelled {
			b.cancel(o.OrderID).expect(http.StatusOK)
			b.await(o.OrderID, order.Cancelled)
		}
		success := s.signed(o.OrderID, "payment-success", map[string]any{
			"paymentId": o.PaymentID, "amount": o.Amount, "currency": o.Currency,
		})
		expectAnswers(t, s.storm(10, func(there *shop) reply { return there.deliver(success) }, first, second), end)
		b.await(o.OrderID, end)
		s.expectSettledPayment(o.PaymentID, end)
		expectAnswers(t, s.storm(10, func(there *shop) reply { return there.deliver(success) }, first, second), end)
	}
	s.expectMoney(2, 1)
	s.expectLedger(productID, ledger{Available: 4, Confirmed: 1})
}

// A provider that tries again may deliver the reports of one payment in any
// order, and a payment declined at first may come after all.
func TestReportsOfOnePaymentInAnyOrderComeToOneEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.insisting = true
	svc := s.start("all")
	productID := s.product(12)
	for _, reports := range []struct {
		first, then func(*shop, orderView) reply
		end         order.Status
	}{
		{(*shop).paid, (*shop).declined, order.Confirmed},
		{(*shop).declined, (*shop).paid, order.Failed},
	} {
		b := s.anyone()
		o := b.await(b.buy(productID, 1), order.PaymentPending)
		reports.first(s, o).expect(http.StatusOK)
		b.await(o.OrderID, reports.end)
		reports.then(s, o).expect(http.StatusOK)
		s.expectSettledPayment(o.PaymentID, reports.end)
		b.await(o.OrderID, reports.end)
	}
	for range 10 {
		b := s.anyone()
		o := b.await(b.buy(productID, 1), order.PaymentPending)
		var declined sync.WaitGroup
		declined.Go(func() { s.declined(o).expect(http.StatusOK) })
		answers := s.storm(2, func(there *shop) reply { return there.paid(o) }, svc)
		declined.Wait()
		end := b.end(o).Status
		expectAnswers(t, answers, end)
		s.expectSettledPayment(o.PaymentID, end)
	}
}

// The provider made the payment, its answer was lost, and the buyer paid
// before the service asked again.
func TestPaymentReportedBeforeItsInitiationIsAnsweredIsAppliedOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	svc := s.start("all")
	s.provider.meet(initiating, cutting)
	b, productID := s.anyone(), s.product(1)
	id := b.buy(productID, 1)
	s.wait("the payment is made", patience, func() bool { return s.provider.paymentOf(id) != "" })
	o := b.await(id, order.InventoryReserved)
	o.PaymentID = s.provider.paymentOf(id)
	expectAnswers(t, s.storm(10, func(there *shop) reply { return there.paid(o) }, svc), order.Confirmed)
	if now := b.get(id); now.Status != order.InventoryReserved {
		t.Errorf("before its payment was initiated the order is %s", now)
	}
	s.provider.meet(initiating, nil)
	b.await(id, order.Confirmed)
	s.expectSettledPayment(o.PaymentID, order.Confirmed)
	s.expectMoney(1, 0)
	s.expectLedger(productID, ledger{Confirmed: 1})
}

// Without a worker an api can only write down what is reported.
func TestPaymentsReportedWhileNoWorkerRunsAreAppliedOrRefundedByTheNext(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	api := s.start("api")
	productID := s.product(5)
	worker := s.start("worker")
	early, paid, left := s.anyone(), s.anyone(), s.anyone()
	waiting := paid.await(paid.buy(productID, 1), order.PaymentPending)
	leaving := left.await(left.buy(productID, 1), order.PaymentPending)
	worker.stop()

	unseen := early.get(early.buy(productID, 1))
	unseen.PaymentID = "early-" + unseen.OrderID.String()
	if o := left.cancel(leaving.OrderID).order(); !o.CancelRequested {
		t.Errorf("without a worker, cancel answered %+v", o)
	}
	second := waiting
	second.PaymentID += "-again"
	for _, o := range []orderView{unseen, waiting, second, leaving} {
		expectAnswers(t, s.storm(10, func(there *shop) reply { return there.paid(o) }, api), "")
		if state := s.paymentState(o.PaymentID); state != order.PaymentReceived {
			t.Errorf("without a worker the payment is %s", state)
		}
	}
	s.start("worker")
	s.expectSettledPayment(unseen.PaymentID, early.await(unseen.OrderID, order.Confirmed).Status)
	paid.await(waiting.OrderID, order.Confirmed)
	buys, back := waiting.PaymentID, second.PaymentID
	if s.paymentState(buys) != order.PaymentApplied { // which of the two the worker hears of first, nobody promises
		buys, back = back, buys
	}
	s.expectSettledPayment(buys, order.Confirmed)
	s.awaitRefunded(back)
	s.expectSettledPayment(leaving.PaymentID, left.await(leaving.OrderID, order.Confirmed).Status) // money that has arrived buys the order
}
