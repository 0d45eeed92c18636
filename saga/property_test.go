package saga

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"order-service/order"
)

// Whatever buyers, webhooks and outages do and whenever they do it: the order
// ends, its history is legal, one payment at most is applied and every other
// is given back once.
func TestEveryOrderEndsAndNoMoneyIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newShop(rapid.IntRange(0, 1).Draw(rt, "stock"))
		r := newRun(t, s)
		for _, method := range []string{
			"Order", "Reserve", "Initiate", "RequestPayment", "Confirm", "Finish", "Publish", "MovePayment", "Refund", "Settle",
		} {
			s.fail(method, rapid.IntRange(0, 3).Draw(rt, method+" faults"), errDown)
		}
		payments, late := drawEvents(rt, r)
		r.ExecuteWorkflow(OrderWorkflow, Input{OrderID: r.id, PaymentTimeout: window})
		if err := r.GetWorkflowError(); err != nil {
			rt.Fatalf("workflow failed: %v", err)
		}
		checkOrder(rt, s, r)
		for _, id := range payments {
			checkPayment(rt, s, r, id, late)
		}
	})
}

// drawEvents has up to five things happen at random places, at once or later.
// It returns the ids of the payments among them and, filled in while the
// workflow runs, those that came too late for it.
func drawEvents(rt *rapid.T, r *run) (payments []string, late map[string]bool) {
	places := []string{
		"Order", "Reserve", "Initiate", "RequestPayment", "Published PAYMENT_PENDING", "Confirm", "Published CONFIRMED", "Finish",
	}
	delays := []time.Duration{0, 1100 * time.Millisecond, window - time.Minute, 2 * window}
	late = map[string]bool{}
	for range rapid.IntRange(0, 5).Draw(rt, "events") {
		do := r.CancelWorkflow
		switch rapid.IntRange(0, 3).Draw(rt, "what") {
		case 0:
			do = r.declines
		case 1, 2:
			id := fmt.Sprint("pay", rapid.IntRange(0, 2).Draw(rt, "payment"))
			payments = append(payments, id)
			do = func() {
				late[id] = r.IsWorkflowCompleted()
				r.pays(id)()
			}
		}
		if delay := rapid.SampledFrom(delays).Draw(rt, "delay"); delay > 0 {
			do = r.later(delay, do)
		}
		r.alsoAt(rapid.SampledFrom(places).Draw(rt, "place"), do)
	}
	return payments, late
}

func checkOrder(rt *rapid.T, s *shop, r *run) {
	o, at := s.orders[r.id], order.Pending
	for i, e := range s.history[r.id] {
		if !at.CanBecome(e.Status) || e.Seq != int64(i+2) {
			rt.Errorf("%s became %s with seq %d", at, e.Status, e.Seq)
		}
		if !slices.Contains(s.published, e) {
			rt.Errorf("%s was not published", e.Status)
		}
		at = e.Status
	}
	if !o.Status.Final() || s.reserved[r.id] != (o.Status == order.Confirmed) {
		rt.Errorf("order is %s and holds units: %v", o.Status, s.reserved[r.id])
	}
}

// checkPayment looks away from payments that came after the workflow had
// returned: there the webhook finds it closed and starts the refund itself.
func checkPayment(rt *rapid.T, s *shop, r *run, id string, late map[string]bool) {
	p, o := s.payments[id], s.orders[r.id]
	if p == nil {
		return
	}
	switch p.State {
	case order.PaymentApplied:
		if o.Status != order.Confirmed || o.PaymentID != id || s.refunds[id] != 0 {
			rt.Errorf("%s is applied to an order %s by %s, refunded %d times", id, o.Status, o.PaymentID, s.refunds[id])
		}
	case order.PaymentRefunded:
		if s.refunds[id] != 1 {
			rt.Errorf("%s was refunded %d times", id, s.refunds[id])
		}
	case order.PaymentReceived:
	default:
		if !late[id] {
			rt.Errorf("%s is kept as %s by an order %s", id, p.State, o.Status)
		}
	}
}
