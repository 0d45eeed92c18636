package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"order-service/order"
)

// at is the shop as its clients see it at one of its services.
func (s *shop) at(svc *service) *shop {
	there := *s
	there.url = svc.url
	return &there
}

// storm has report called n times at once, at the services in turn, and
// returns the answers. As a provider does, it repeats what is answered 503.
func (s *shop) storm(n int, report func(*shop) reply, services ...*service) []reply {
	answers := make([]reply, n)
	var reports sync.WaitGroup
	for i := range n {
		there := s.at(services[i%len(services)])
		there.insisting = true
		reports.Go(func() { answers[i] = report(there) })
	}
	reports.Wait()
	if s.t.Failed() {
		s.t.FailNow() // an answer may be missing
	}
	return answers
}

// expectAnswers fails the test unless all answers are 200, and none of them
// knows of another end than the order's.
func expectAnswers(t *testing.T, answers []reply, end order.Status) {
	t.Helper()
	for _, r := range answers {
		var o orderView
		r.expect(http.StatusOK).decode(&o)
		if o.Status.Final() && o.Status != end {
			t.Errorf("a report was answered %s; the order ended %s", o.Status, end)
		}
	}
}

// expectSettledPayment waits until the payment is where the order's end wants
// it: applied to a CONFIRMED order, given back by any other.
func (s *shop) expectSettledPayment(paymentID string, end order.Status) {
	s.t.Helper()
	if end != order.Confirmed {
		s.awaitRefunded(paymentID)
		return
	}
	if state := s.paymentState(paymentID); state != order.PaymentApplied {
		s.t.Errorf("the payment of a confirmed order is %s", state)
	}
}

// end waits until the order is final.
func (b *buyer) end(o orderView) orderView {
	b.shop.t.Helper()
	b.shop.wait("order "+o.OrderID.String()+" is final", patience, func() bool {
		o = b.get(o.OrderID)
		return o.Status.Final()
	})
	return o
}

func TestPaymentReportedAHundredTimesAtTwoServicesIsAppliedOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("worker")
	first, second := s.start("api"), s.start("api")
	b, productID := s.anyone(), s.product(2)
	o := b.await(b.buy(productID, 1), order.PaymentPending)
	answers := s.storm(100, func(there *shop) reply { return there.paid(o) }, first, second)
	b.await(o.OrderID, order.Confirmed)
	answers = append(answers, s.storm(100, func(there *shop) reply { return there.paid(o) }, first, second)...)
	expectAnswers(t, answers, order.Confirmed)
	s.expectSettledPayment(o.PaymentID, order.Confirmed)
	s.expectMoney(1, 0)
	s.expectLedger(productID, ledger{Available: 1, Confirmed: 1})
}

// stormyOrders is how many orders are cancelled in a storm.
func stormyOrders() int {
	if os.Getenv("SOAK") != "" {
		return 100
	}
	return 10
}

// Whatever comes first wins, and the money goes where the order went.
func TestPaymentReportedAHundredTimesDuringItsCancellationIsAppliedOrRefundedOnce(t *testing.T) {
	t.Parallel()
	seed := number(t, "SEED", rand.Uint64()>>1)
	t.Logf("SEED=%d", seed)
	d := rand.New(rand.NewPCG(seed, 0))
	s := newShop(t)
	s.insisting = true
	first, second := s.start("all"), s.start("api")
	n := stormyOrders()
	productID := s.product(int64(n))
	ends := map[order.Status]int{}
	for range n {
		b := s.anyone()
		o := b.await(b.buy(productID, 1), order.PaymentPending)
		cancels, reports := time.Duration(d.IntN(20))*time.Millisecond, time.Duration(d.IntN(60))*time.Millisecond
		var cancelled sync.WaitGroup
		cancelled.Go(func() {
			time.Sleep(cancels)
			if r := b.cancel(o.OrderID); r.status != http.StatusOK && r.code() != order.CodeNotCancellable {
				t.Errorf("the cancellation was answered %d: %s", r.status, r.body)
			}
		})
		time.Sleep(reports)
		answers := s.storm(100, func(there *shop) reply { return there.paid(o) }, first, second)
		cancelled.Wait()
		end := b.end(o).Status
		expectAnswers(t, answers, end)
		s.expectSettledPayment(o.PaymentID, end)
		ends[end]++
	}
	t.Logf("the ends: %v", ends)
	if ends[order.Confirmed]+ends[order.Cancelled] != n {
		t.Errorf("%d orders ended %v", n, ends)
	}
	s.expectMoney(n, ends[order.Cancelled])
	s.expectLedger(productID, ledger{Available: int64(ends[order.Cancelled]), Confirmed: int64(ends[order.Confirmed])})
}
