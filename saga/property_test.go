package saga

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"order-service/order"
)

// Whatever buyers, webhooks and outages do and whenever they do it: the order
// ends, for a cause, its history is legal, one payment at most is applied and
// every other is given back once.
func TestEveryOrderEndsAndNoMoneyIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newShop(rapid.IntRange(0, 1).Draw(rt, "stock"))
		r := newRunOf(t, s, s.acceptAt(rapid.SampledFrom([]int64{1999, 1999, 0}).Draw(rt, "price")))
		for _, method := range []string{
			"Order", "Reserve", "Initiate", "RequestPayment", "Confirm", "Finish", "Publish", "MovePayment", "Refund", "Settle",
		} {
			s.fail(method, rapid.IntRange(0, 3).Draw(rt, method+" faults"), errDown)
		}
		drawn := drawEvents(rt, s, r)
		r.ExecuteWorkflow(OrderWorkflow, r.in)
		if err := r.GetWorkflowError(); err != nil {
			rt.Fatalf("workflow failed: %v", err)
		}
		checkOrder(rt, s, r)
		checkCause(rt, s, r, drawn)
		for _, id := range drawn.payments {
			checkPayment(rt, s, r, id, drawn)
		}
	})
}

// events are what was drawn to happen to one order.
type events struct {
	payments []string
	late     map[string]bool // of those that came: whether the workflow had returned then, or, untold, the order was final
	told     map[string]bool // of those that came: whether the workflow was told
	declined bool            // the payment that the buyer is asked for
	cancels  bool
}

// drawEvents has up to six things happen at random places, at once or later. One
// update is the most: of two that come from within activities, the SDK's test
// environment enters the second while it looks up the first.
func drawEvents(rt *rapid.T, s *shop, r *run) (drawn *events) {
	places := []string{
		"Order", "Reserve", "Initiate", "RequestPayment", "Published PAYMENT_PENDING", "Confirm", "Published CONFIRMED", "Finish",
	}
	delays := []time.Duration{0, 1100 * time.Millisecond, window - time.Minute, 2 * window}
	drawn = &events{late: map[string]bool{}, told: map[string]bool{}}
	updated := false
	for range rapid.IntRange(0, 6).Draw(rt, "events") {
		id := rapid.SampledFrom([]string{asked(r.id), "older", "newer"}).Draw(rt, "payment")
		do := r.CancelWorkflow
		switch rapid.IntRange(0, 5).Draw(rt, "what") {
		case 0, 1:
			drawn.declined = drawn.declined || id == asked(r.id)
			do = r.declinesPayment(id)
		case 2, 3:
			drawn.payments = append(drawn.payments, id)
			report := rapid.SampledFrom([]string{"signal", "update", "nobody can"}).Draw(rt, "report")
			if report == "update" && updated {
				report = "signal"
			}
			updated = updated || report == "update"
			pays := map[string]func(){"signal": r.pays(id), "update": r.reports(id), "nobody can": r.untold(id)}[report]
			do = func() {
				told := report != "nobody can"
				drawn.late[id] = r.IsWorkflowCompleted() || !told && s.status(r.id).Final()
				drawn.told[id] = drawn.told[id] || told
				pays()
			}
		case 4:
			do = func() { r.shop.payWrong(r.id, id) }
		default:
			drawn.cancels = true
		}
		do = r.alone(do)
		if delay := rapid.SampledFrom(delays).Draw(rt, "delay"); delay > 0 {
			do = r.later(delay, do)
		}
		r.alsoAt(rapid.SampledFrom(places).Draw(rt, "place"), do)
	}
	return drawn
}

// checkCause expects an end for which something was drawn: above all, that no
// decline of another payment ended the order, and that a free one needed none.
func checkCause(rt *rapid.T, s *shop, r *run, drawn *events) {
	o := s.orders[r.id]
	caused := map[string]bool{
		string(order.Confirmed):          len(drawn.payments) > 0 || o.Free(),
		string(order.Cancelled):          drawn.cancels,
		string(order.OutOfStock):         s.available == 0,
		string(order.PaymentUnavailable): false, // the provider recovers in time
		string(order.PaymentDeclined):    drawn.declined && !o.Free(),
		string(order.PaymentTimeout):     !o.Free(),
	}
	if end := cmp.Or(string(o.FailureReason), string(o.Status)); !caused[end] {
		rt.Errorf("an order of %d ended %s without a cause: %+v", o.Amount, end, drawn)
	}
}

func checkOrder(rt *rapid.T, s *shop, r *run) {
	o, at := s.orders[r.id], order.Pending
	for i, e := range s.history[r.id] {
		if !(order.Order{Status: at, Amount: o.Amount}).MayBecome(e.Status) || e.Seq != int64(i+2) {
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
// returned, or of which nobody could tell it: there the webhook, or the upkeep,
// finds the order final and starts the refund itself. At the end of the window
// the workflow has looked for them.
func checkPayment(rt *rapid.T, s *shop, r *run, id string, drawn *events) {
	p, o := s.payments[id], s.orders[r.id]
	late, came := drawn.late[id]
	if !came {
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
	default:
		if !late && drawn.told[id] || o.FailureReason == order.PaymentTimeout && !late {
			rt.Errorf("%s is kept as %s by an order %s", id, p.State, o.Status)
		}
	}
}
