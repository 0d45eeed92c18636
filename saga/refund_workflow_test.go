package saga

import (
	"slices"
	"testing"
	"time"

	"order-service/order"
)

// refund runs one RefundWorkflow for payment "a" in the given state and
// returns whether it says that the money was given back.
func refund(t *testing.T, s *shop, state order.PaymentState) bool {
	t.Helper()
	id := s.accept()
	p := s.pay(id, "a")
	s.payments["a"].State = state
	r := newRunOf(t, s, id)
	r.ExecuteWorkflow(RefundWorkflow, Refund{Payment: p, Reason: "test"})
	var done bool
	if err := r.GetWorkflowResult(&done); err != nil {
		t.Fatalf("workflow failed: %v", err)
	}
	return done
}

func TestRefundGivesBackOnlyWhatIsOwed(t *testing.T) {
	t.Parallel()
	for state, owed := range map[order.PaymentState]bool{
		order.PaymentReceived:  true,
		order.PaymentRefunding: true, // an earlier refund was cut off
		order.PaymentApplied:   false,
		order.PaymentRefunded:  false,
		order.PaymentRefused:   false,
		order.PaymentMismatch:  false,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			if done := refund(t, s, state); done != owed || (s.refunds["a"] == 1) != owed {
				t.Errorf("given back: %v, %d times; owed: %v", done, s.refunds["a"], owed)
			}
			if want := state; !owed && s.paymentState("a") != want {
				t.Errorf("state became %s", s.paymentState("a"))
			}
			if owed && s.paymentState("a") != order.PaymentRefunded {
				t.Errorf("state is %s", s.paymentState("a"))
			}
		})
	}
}

func TestRefundOutlivesOutages(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("MovePayment", 50, errDown)
	s.fail("Refund", 5, order.Errorf(order.CodeValidation, "401")) // also a refusal may pass
	if !refund(t, s, order.PaymentReceived) || s.refunds["a"] != 1 {
		t.Errorf("given back %d times", s.refunds["a"])
	}
}

func TestRefundThatIsNotRecordedIsClosedOnRetry(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.hooks["Refund"] = func() { s.fail("MovePayment", 20, errDown) }
	if !refund(t, s, order.PaymentReceived) || s.paymentState("a") != order.PaymentRefunded {
		t.Errorf("state is %s", s.paymentState("a"))
	}
}

// A standby that did not have it yet may have become the primary. The provider
// was answered and will not report it again, so the saga is all that knows of it.
func TestPaymentThatPostgresLostIsRefunded(t *testing.T) {
	t.Parallel()
	for during, lose := range map[string]func(*shop){
		"no refund":                      func(*shop) {},
		"its refund":                     func(s *shop) { delete(s.payments, "a") },
		"its refund, all but its report": func(s *shop) { s.payments["a"].State = order.PaymentReceived },
	} {
		t.Run("again during "+during, func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			s.fail("RestorePayment", 3, errDown)
			r := newRun(t, s)
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.CancelWorkflow))
			r.at("Finish", func() {
				p := s.pay(r.id, "a")
				s.locked(func() { delete(s.payments, "a") })()
				r.SignalWorkflow(paymentReceivedSignal, p)
			})
			r.at("Refund", s.locked(func() { lose(s) }))
			r.ends(order.Cancelled, "")
			r.payment("a", order.PaymentRefunded)
		})
	}
}

// As RECEIVED it could buy its order in between.
func TestLostPaymentIsPutBackOnItsWay(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	id := s.accept()
	p := s.pay(id, "a")
	delete(s.payments, "a")
	var states []order.PaymentState
	look := func() { states = append(states, s.paymentState("a")) }
	s.hooks["MovePayment"] = s.locked(func() { s.hooks["MovePayment"] = look }) // the first finds nothing
	r := newRunOf(t, s, id)
	r.ExecuteWorkflow(RefundWorkflow, refundOf(p))
	if want := []order.PaymentState{order.PaymentRefunding}; !slices.Equal(states, want) {
		t.Errorf("it was %v, want %v", states, want)
	}
	r.payment("a", order.PaymentRefunded)
}

// Two servers that both think they are the primary answer in turns for a while. A
// refund that failed for good would not be begun again: nothing lists its payment.
func TestRefundGoesOnWhoseLostPaymentIsLostAgain(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(s *shop, lose func()){
		"when it has been put back": func(s *shop, lose func()) {
			lose()
			s.hooks["MovePayment"] = s.locked(func() { s.hooks["MovePayment"] = lose })
		},
		"when it is noted": func(s *shop, lose func()) {
			s.hooks["Refund"] = s.locked(func() { s.payments["a"].State = order.PaymentApplied })
			s.hooks["RecordRefund"] = lose
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			id := s.accept()
			p := s.pay(id, "a")
			begin(s, s.locked(func() { delete(s.payments, "a") }))
			r := newRunOf(t, s, id)
			r.ExecuteWorkflow(RefundWorkflow, refundOf(p))
			if err := r.GetWorkflowError(); err != nil {
				t.Error(err)
			}
			r.payment("a", order.PaymentRefunded)
		})
	}
}

// A failover during the refund may bring back the payment as it was before it, and
// the order with it, which is confirmed then.
func TestMoneyThatIsGivenBackAndKeptIsNoted(t *testing.T) {
	t.Parallel()
	for state, kept := range map[order.PaymentState]bool{order.PaymentApplied: true, order.PaymentRefunded: false} {
		s := newShop(1)
		s.fail("RecordRefund", 3, errDown)
		s.hooks["Refund"] = s.locked(func() { s.payments["a"].State = state })
		if !refund(t, s, order.PaymentReceived) || s.kept["a"] != kept || s.paymentState("a") != state {
			t.Errorf("%s: it is %s, noted %v", state, s.paymentState("a"), s.kept["a"])
		}
	}
}

func TestOrderIsCancelledWhileARefundStillRuns(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Refund", 8, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.CancelWorkflow))
	r.at("Finish", r.pays("a"))
	r.at("Published CANCELLED", func() {
		if got := s.paymentState("a"); got == order.PaymentRefunded {
			t.Error("the order waited for the refund")
		}
	})
	r.ends(order.Cancelled, "")
	r.payment("a", order.PaymentRefunded)
}
