package saga

import (
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"
	"pgregory.net/rapid"

	"order-service/order"
)

// image is what a standby has of a shop's database.
type image struct {
	orders             map[uuid.UUID]*order.Order
	payments           map[string]*order.Payment
	reserved, released map[uuid.UUID]bool
	history            map[uuid.UUID][]order.ProgressEvent
	available          int
}

func copied[K comparable, V any](from map[K]*V) map[K]*V {
	to := map[K]*V{}
	for k, v := range from {
		value := *v
		to[k] = &value
	}
	return to
}

// image is taken with s locked, as is failOver called.
func (s *shop) image() image {
	history := map[uuid.UUID][]order.ProgressEvent{}
	for id, events := range s.history {
		history[id] = slices.Clone(events)
	}
	return image{copied(s.orders), copied(s.payments), maps.Clone(s.reserved), maps.Clone(s.released), history, s.available}
}

func (s *shop) failOver(to image) {
	s.orders, s.payments, s.available = copied(to.orders), copied(to.payments), to.available
	s.reserved, s.released, s.history = maps.Clone(to.reserved), maps.Clone(to.released), maps.Clone(to.history)
}

// report is what the webhook does with a payment, and reports whether the saga was
// told of it. One that is known to be elsewhere, or whose order has ended, is the
// webhook's to refund.
func (r *run) report(paymentID string, ended *atomic.Bool) bool {
	if ended.Load() {
		return false
	}
	_ = r.shop.Restore(r.t.Context(), r.in.Accepted.Order())
	p := r.shop.pay(r.id, paymentID)
	if p.State != order.PaymentReceived || r.shop.status(r.id).Final() {
		return false
	}
	r.SignalWorkflow(paymentReceivedSignal, p)
	return true
}

// Whenever a standby becomes the primary, and whatever it lacks: nobody has the
// goods and the money without being listed for it, and no money that a saga was
// told of is forgotten.
func TestNoFailoverForgetsMoneyOrSpendsItTwiceUnseen(t *testing.T) {
	t.Parallel()
	places := []string{"Order", "Reserve", "Initiate", "RequestPayment", "Published PAYMENT_PENDING", "Confirm", "Finish", "Refund", "MovePayment"}
	rapid.Check(t, func(rt *rapid.T) {
		s := newShop(rapid.IntRange(1, 2).Draw(rt, "stock"))
		standby := s.image()
		r := newRun(t, s)
		if r.in.Again = rapid.Bool().Draw(rt, "again"); r.in.Again && rapid.Bool().Draw(rt, "a went back") {
			s.refunds["a"] = 1
		}
		told := map[string]bool{}
		var ended atomic.Bool // activities ask, which may not ask the environment
		watched := func(ctx workflow.Context, in Input) (order.Status, error) {
			defer ended.Store(true)
			return OrderWorkflow(ctx, in)
		}
		r.RegisterWorkflowWithOptions(watched, workflow.RegisterOptions{Name: "watched"})
		do := map[string]func(){
			"cancel": r.CancelWorkflow,
			"copy":   s.locked(func() { standby = s.image() }),
			"fail": s.locked(func() {
				if o := s.orders[r.id]; o == nil || o.Status != order.Confirmed { // what is bought is for the upkeep
					s.failOver(standby)
				}
			}),
		}
		for _, id := range []string{"a", "b"} {
			do[id] = func() { told[id] = r.report(id, &ended) || told[id] }
		}
		for range rapid.IntRange(1, 8).Draw(rt, "events") {
			what := rapid.SampledFrom([]string{"a", "a", "b", "cancel", "copy", "fail", "fail"}).Draw(rt, "what")
			act := r.alone(do[what])
			if rapid.Bool().Draw(rt, "later") {
				act = r.later(time.Duration(rapid.IntRange(1, 20).Draw(rt, "minutes"))*time.Minute, act)
			}
			r.alsoAt(rapid.SampledFrom(places).Draw(rt, "place"), act)
		}
		r.ExecuteWorkflow("watched", r.in)
		if err := r.GetWorkflowError(); err != nil {
			rt.Fatalf("workflow failed: %v", err)
		}
		for id := range told {
			state, back := s.paymentState(id), s.refunds[id] > 0
			switch {
			case state == order.PaymentApplied && back && !s.kept[id]:
				rt.Errorf("%s bought the order and was given back, and nobody is told", id)
			case told[id] && state == "unknown" && !back:
				rt.Errorf("%s is forgotten", id)
			}
		}
	})
}
