package saga

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"order-service/order"
)

const window = 15 * time.Minute

var errDown = errors.New("connection refused")

// run is one OrderWorkflow in the SDK's test environment, whose clock skips
// what nobody waits for.
type run struct {
	*testsuite.TestWorkflowEnvironment
	t    *testing.T
	shop *shop
	id   uuid.UUID
	in   Input
	acts sync.Mutex
}

func newRun(t *testing.T, s *shop) *run {
	t.Helper()
	return newRunOf(t, s, s.accept())
}

func newRunOf(t *testing.T, s *shop, id uuid.UUID) *run {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(logger{zerolog.Nop()})
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(patience) // of the real clock
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: deadlock})
	env.RegisterWorkflow(OrderWorkflow)
	env.RegisterWorkflow(RefundWorkflow)
	env.RegisterActivity(&activities{Deps: s.deps(), refunds: s, log: zerolog.Nop(), now: env.Now, patience: initiatePatience})
	in := Input{OrderID: id, PaymentTimeout: window}
	if o := s.orders[id]; o != nil {
		accepted := o.Reservation()
		in.Accepted = &accepted
	}
	return &run{TestWorkflowEnvironment: env, t: t, shop: s, id: id, in: in}
}

// at has do run inside the shop's method.
func (r *run) at(method string, do func()) *run {
	r.shop.hooks[method] = do
	return r
}

// alsoAt has do run after what runs there already.
func (r *run) alsoAt(method string, do func()) {
	if first := r.shop.hooks[method]; first != nil {
		r.at(method, func() { first(); do() })
		return
	}
	r.at(method, do)
}

// alone has do run while nothing else does that alone has run: steps that the
// saga takes at the same time have their hooks run at the same time.
func (r *run) alone(do func()) func() {
	return func() {
		r.acts.Lock()
		defer r.acts.Unlock()
		do()
	}
}

func (r *run) pays(paymentID string) func() {
	return func() { r.SignalWorkflow(paymentReceivedSignal, r.shop.pay(r.id, paymentID)) }
}

// reports is pays by an update, which is signalled where it is rejected.
func (r *run) reports(paymentID string) func() {
	return func() {
		p := r.shop.pay(r.id, paymentID)
		r.UpdateWorkflow(paymentReport, paymentID, &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnComplete: func(any, error) {},
			OnReject: func(error) { r.SignalWorkflow(paymentReceivedSignal, p) },
		}, p)
	}
}

// declines has the provider decline the payment that the buyer was asked for.
func (r *run) declines() { r.declinesPayment(asked(r.id))() }

// declinesPayment tells the saga only of what has become a decline: that of a
// payment that was received stays without effect.
func (r *run) declinesPayment(paymentID string) func() {
	return func() {
		if r.shop.decline(r.id, paymentID).State == order.PaymentRefused {
			r.SignalWorkflow(paymentDeclinedSignal, Decline{PaymentID: paymentID, Reason: "no funds"})
		}
	}
}

// later has do run d after now on the workflow's clock.
func (r *run) later(d time.Duration, do func()) func() {
	return func() { r.RegisterDelayedCallback(do, d) }
}

// ends runs the workflow and requires its ending, everywhere it shows.
func (r *run) ends(want order.Status, reason order.Reason) {
	r.t.Helper()
	r.ExecuteWorkflow(OrderWorkflow, r.in)
	var got order.Status
	if err := r.GetWorkflowResult(&got); err != nil {
		r.t.Fatalf("workflow failed: %v", err)
	}
	o := r.shop.orders[r.id]
	if got != want || o.Status != want || o.FailureReason != reason {
		r.t.Fatalf("workflow says %s, order is %s %s; want %s %s", got, o.Status, o.FailureReason, want, reason)
	}
	if held := r.shop.reserved[r.id]; held != (want == order.Confirmed) {
		r.t.Errorf("units held: %v", held)
	}
}

// published requires the order's events to have these statuses. Repetitions do
// not count: readers know them by their seq.
func (r *run) published(want ...order.Status) {
	r.t.Helper()
	var got []order.Status
	for i, e := range r.shop.published {
		if slices.Contains(r.shop.published[:i], e) {
			continue
		}
		got = append(got, e.Status)
		if e.Seq != int64(len(got)+1) {
			r.t.Errorf("%s has seq %d", e.Status, e.Seq)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("published %v, want %v", got, want)
	}
}

func (r *run) payment(id string, want order.PaymentState) {
	r.t.Helper()
	if got := r.shop.paymentState(id); got != want {
		r.t.Errorf("payment %s is %s, want %s", id, got, want)
	}
	if refunds := r.shop.refunds[id]; (refunds == 1) != (want == order.PaymentRefunded) || refunds > 1 {
		r.t.Errorf("payment %s was refunded %d times", id, refunds)
	}
}

func TestPaymentConfirmsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
	r.ends(order.Confirmed, "")
	r.payment("a", order.PaymentApplied)
	r.published(order.InventoryReserved, order.PaymentPending, order.Confirmed)
	if r.shop.settled != 1 {
		t.Errorf("gate settled %d times, want once: only the reservation moves units", r.shop.settled)
	}
}

// A regular activity is a round trip of the server and a workflow task more.
func TestOnlyAPaymentThatCannotBeHadAtOnceIsAnActivityOfItsOwn(t *testing.T) {
	t.Parallel()
	for faults, want := range []int{0, 1, 2} {
		s := newShop(1)
		s.fail("Initiate", faults, errDown)
		r := newRun(t, s)
		attempts := 0
		r.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) { attempts++ })
		r.at("Published PAYMENT_PENDING", r.pays("a"))
		r.ends(order.Confirmed, "")
		if attempts != want {
			t.Errorf("after %d faults: %d attempts at an activity, want %d", faults, attempts, want)
		}
	}
}

func TestSoldOutFailsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(0))
	r.ends(order.Failed, order.OutOfStock)
	r.published(order.Failed)
}

func TestPurchaseLimitFailsOrder(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.limited = true
	newRun(t, s).ends(order.Failed, order.PurchaseLimit)
}

func TestUnreachableProviderFailsOrderAndReleasesStock(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"refused":     order.Errorf(order.CodeValidation, "400"),
		"unreachable": errDown,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			s.fail("Initiate", 100, err)
			r := newRun(t, s)
			r.ends(order.Failed, order.PaymentUnavailable)
			r.published(order.InventoryReserved, order.Failed)
			if s.available != 1 {
				t.Errorf("available = %d, want the unit back", s.available)
			}
		})
	}
}

func TestProviderThatRecoversIsUsed(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Initiate", 4, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.pays("a"))
	r.ends(order.Confirmed, "")
}

// Asking the provider again would fail the workflow: an order that waits for
// its payment cannot end for want of one.
func TestSagaBegunAgainWaitsForThePaymentItsBuyerWasAskedFor(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Initiate", 100, errDown)
	r := newRun(t, s)
	if _, err := s.Reserve(t.Context(), r.id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RequestPayment(t.Context(), r.id, "a", "https://pay.example/a", r.Now().Add(window)); err != nil {
		t.Fatal(err)
	}
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
	r.ends(order.Confirmed, "")
	r.published(order.InventoryReserved, order.PaymentPending, order.Confirmed)
}

func TestDeclineFailsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.declines))
	r.ends(order.Failed, order.PaymentDeclined)
	r.published(order.InventoryReserved, order.PaymentPending, order.Failed)
}

// The late decline of an older attempt used to end an order that was being
// paid with a newer one.
func TestDeclineOfAnotherPaymentEndsNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Reserve", "Initiate", "RequestPayment", "Published PAYMENT_PENDING", "Confirm"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, newShop(1))
			r.at("Published PAYMENT_PENDING", r.later(2*time.Minute, r.pays("a")))
			r.alsoAt(at, r.declinesPayment("older"))
			r.alsoAt(at, r.later(time.Minute, r.declinesPayment("older")))
			r.ends(order.Confirmed, "")
			r.payment("a", order.PaymentApplied)
		})
	}
}

func TestDeclineOfAnotherPaymentLeavesTheWindowAsItIs(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	began := r.Now()
	r.at("Published PAYMENT_PENDING", r.later(window/2, r.declinesPayment("older")))
	r.ends(order.Failed, order.PaymentTimeout)
	if took := r.Now().Sub(began); took < window || took > window+time.Minute {
		t.Errorf("failed after %s, want after %s", took, window)
	}
}

func TestDeclineAfterThatOfAnotherPaymentFailsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, func() { r.declinesPayment("older")(); r.declines() }))
	r.ends(order.Failed, order.PaymentDeclined)
}

// What the provider declined before the saga knew the payment's id counts.
func TestEarlyDeclineFailsOrder(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Reserve", "Initiate", "RequestPayment"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, newShop(1))
			r.at(at, r.declines)
			r.ends(order.Failed, order.PaymentDeclined)
		})
	}
}

func TestSagaBegunAgainKnowsTheDeclinesOfItsPayment(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	if _, err := r.shop.Reserve(t.Context(), r.id); err != nil {
		t.Fatal(err)
	}
	if _, err := r.shop.RequestPayment(t.Context(), r.id, "a", "https://pay.example/a", r.Now().Add(window)); err != nil {
		t.Fatal(err)
	}
	r.at("Published PAYMENT_PENDING", func() {
		r.later(time.Minute, r.declines)() // of the id that another run would have got
		r.later(2*time.Minute, r.declinesPayment("a"))()
	})
	r.ends(order.Failed, order.PaymentDeclined)
	if n := r.Now().Sub(r.shop.orders[r.id].CreatedAt); n < 2*time.Minute {
		t.Errorf("ended after %s", n)
	}
}

func TestRightAmountAfterAWrongOneConfirmsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", func() {
		r.shop.payWrong(r.id, asked(r.id))
		r.later(time.Minute, r.pays(asked(r.id)))()
	})
	r.ends(order.Confirmed, "")
	r.payment(asked(r.id), order.PaymentApplied)
}

func TestDeclineAfterAWrongAmountFailsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", func() {
		r.shop.payWrong(r.id, asked(r.id))
		r.later(time.Minute, r.declines)()
	})
	r.ends(order.Failed, order.PaymentDeclined)
}

func TestFreeOrderIsConfirmedWithoutTheProvider(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Initiate", 100, errDown)
	r := newRunOf(t, s, s.acceptAt(0))
	r.ends(order.Confirmed, "")
	r.published(order.InventoryReserved, order.Confirmed)
	if o := s.orders[r.id]; o.PaymentID != "" || o.PaymentURL != "" || len(s.faults["Initiate"]) != 100 {
		t.Errorf("a payment was asked for: %+v", o)
	}
}

func TestFreeOrderThatIsSoldOutFails(t *testing.T) {
	t.Parallel()
	s := newShop(0)
	newRunOf(t, s, s.acceptAt(0)).ends(order.Failed, order.OutOfStock)
}

func TestFreeOrderIsCancelledUntilItIsConfirmed(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]order.Status{"Reserve": order.Cancelled, "Confirm": order.Confirmed} {
		s := newShop(1)
		r := newRunOf(t, s, s.acceptAt(0))
		r.at(at, r.CancelWorkflow)
		r.ends(want, "")
	}
}

// Nobody was asked for it.
func TestPaymentOfAFreeOrderIsRefunded(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	r := newRunOf(t, s, s.acceptAt(0))
	r.at("Reserve", r.pays("a"))
	r.ends(order.Confirmed, "")
	r.payment("a", order.PaymentRefunded)
}

func TestEndOfWindowFailsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	began := r.Now()
	r.ends(order.Failed, order.PaymentTimeout)
	if took := r.Now().Sub(began); took < window || took > window+time.Minute {
		t.Errorf("failed after %s, want after %s", took, window)
	}
}

// untold has a payment come that nobody can tell the saga of.
func (r *run) untold(paymentID string) func() {
	return func() { r.shop.pay(r.id, paymentID) }
}

// While Temporal is away payments are recorded and cannot be reported, and when
// it is back the timer fires at once. Their orders used to end for want of them.
func TestPaymentThatNobodyCouldReportConfirmsOrderAtTheEndOfTheWindow(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.untold("a"))
	r.ends(order.Confirmed, "")
	r.payment("a", order.PaymentApplied)
	r.published(order.InventoryReserved, order.PaymentPending, order.Confirmed)
}

func TestReportOfAPaymentThatIsFoundMeanwhileIsNoSecondPayment(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Confirm", "Published CONFIRMED"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, newShop(1))
			r.at("Published PAYMENT_PENDING", r.untold("a"))
			r.at(at, func() { r.pays("a")(); r.reports("a")() })
			r.at("MovePayment", func() { t.Error("a refund was tried") })
			r.ends(order.Confirmed, "")
			r.payment("a", order.PaymentApplied)
		})
	}
}

func TestPaymentThatIsGivenBackBeforeItConfirmsLetsTheWindowEnd(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.untold("a"))
	r.at("Confirm", s.locked(func() { s.payments["a"].State = order.PaymentRefunding }))
	r.ends(order.Failed, order.PaymentTimeout)
	r.payment("a", order.PaymentRefunded)
}

func TestSagaBegunAgainAfterTheWindowFindsThePayment(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	r := newRun(t, s)
	r.asks(r.Now().Add(-window))
	s.pay(r.id, "a")
	r.ends(order.Confirmed, "")
}

// asks has an earlier saga have asked the buyer for payment "a" until then.
func (r *run) asks(until time.Time) {
	r.t.Helper()
	if _, err := r.shop.Reserve(r.t.Context(), r.id); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.shop.RequestPayment(r.t.Context(), r.id, "a", "https://pay.example/a", until); err != nil {
		r.t.Fatal(err)
	}
}

// The database was put back to a state of before the order's end and the refund.
// Confirmed, the buyer would have the goods and the money.
func TestMoneyThatWasGivenBackBuysNothing(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("RefundBegun", 3, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", func() {
		s.pay(r.id, "a")
		s.pay(r.id, "b")
		s.locked(func() { s.refunds["a"], s.refunds["b"] = 1, 1 })()
	})
	r.ends(order.Failed, order.PaymentTimeout)
	for _, id := range []string{"a", "b"} {
		if got := s.paymentState(id); got != order.PaymentRefunding || s.refunds[id] != 1 {
			t.Errorf("%s is %s, refunded %d times; want it left to the upkeep", id, got, s.refunds[id])
		}
	}
}

// The provider sends its report again before the upkeep has come to the payment.
func TestMoneyThatWasGivenBackAndIsReportedAgainBuysNothing(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*run, func()){
		"to a saga begun again": func(r *run, report func()) {
			r.in.Again = true
			r.at("Published PAYMENT_PENDING", report)
		},
		"to a saga begun again where its order stands": func(r *run, report func()) {
			r.asks(r.Now().Add(window))
			r.at("Order", report)
		},
		"after a payment that was refused": func(r *run, report func()) {
			r.at("Published PAYMENT_PENDING", r.pays("first"))
			r.at("Confirm", func() {
				r.shop.locked(func() { r.shop.payments["first"].State = order.PaymentRefunding })()
				r.later(time.Minute, report)()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			s.fail("RefundBegun", 3, errDown)
			r := newRun(t, s)
			begin(r, func() {
				s.locked(func() { s.refunds["a"] = 1 })()
				r.pays("a")()
			})
			r.ends(order.Failed, order.PaymentTimeout)
			if got := s.paymentState("a"); got == order.PaymentApplied || got == order.PaymentReceived {
				t.Errorf("the payment is %s", got)
			}
		})
	}
}

// Its refund had claimed it before the database lost it.
func TestLostPaymentThatIsOnItsWayBackIsNotPutBackToBuy(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.pays("a"))
	r.at("Confirm", s.locked(func() {
		delete(s.payments, "a")
		s.begun["a"] = true
	}))
	r.ends(order.Failed, order.PaymentTimeout)
	r.payment("a", order.PaymentRefunded)
}

// The report has put its order back as new, which the saga, having refused the
// payment, took for what there was to know: it ended in an error.
func TestSagaThatRefusesWhatWasGivenBackTakesTheOrderToWhereItWas(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	r := newRun(t, s)
	r.in.Again = true
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, func() {
		s.locked(func() { s.putBack(r.id); s.refunds["a"] = 1 })()
		r.pays("a")()
	}))
	r.ends(order.Failed, order.PaymentTimeout)
}

// A step had ended the order and could not publish so, its payment was given back,
// and a failover took all of that. Then the payment is reported again, and the saga,
// which is the order's first, is in no doubt about it but for what is lost.
func TestMoneyThatWasGivenBackBuysNoOrderThatWasLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*shop, uuid.UUID){"lost": (*shop).lose, "put back": (*shop).putBack} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			r := newRun(t, s)
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
			r.at("Confirm", s.locked(func() {
				lose(s, r.id)
				s.refunds["a"] = 1
				if s.orders[r.id] == nil {
					restored := r.in.Accepted.Order()
					s.orders[r.id] = &restored
				}
				s.record(r.id, "a", order.PaymentReceived)
			}))
			r.ends(order.Failed, order.PaymentTimeout)
			if got := s.paymentState("a"); got == order.PaymentApplied || got == order.PaymentReceived {
				t.Errorf("the payment is %s", got)
			}
		})
	}
}

// A refund that has begun may have found the payment applied: nobody else is asked
// about the money that confirms an order within its first saga.
func TestFirstPaymentOfAFirstSagaIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("RefundBegun", 1, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.pays("a"))
	r.ends(order.Confirmed, "")
	if len(s.faults["RefundBegun"]) != 1 {
		t.Error("Temporal was asked whether the payment was given back")
	}
}

// A cancellation is the buyer's word, and the payment goes back.
func TestPaymentThatNobodyCouldReportDoesNotOutweighACancellation(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", func() { r.untold("a")(); r.CancelWorkflow() })
	r.ends(order.Cancelled, "")
	r.payment("a", order.PaymentReceived) // whoever brought it finds the order final
}

func TestWindowIsWholeAfterAnOutage(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("RequestPayment", 9, errDown)
	r := newRun(t, s)
	var requested time.Time
	r.at("Published PAYMENT_PENDING", func() { requested = r.Now() })
	r.ends(order.Failed, order.PaymentTimeout)
	if left := s.orders[r.id].ExpiresAt.Sub(requested); left < window-time.Second {
		t.Errorf("the buyer had %s, want %s", left, window)
	}
}

func TestCancelEndsOrderFromEveryOpenStatus(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Reserve", "Initiate", "RequestPayment", "Published PAYMENT_PENDING"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, newShop(1))
			r.at(at, func() { r.CancelWorkflow() })
			r.ends(order.Cancelled, "")
			if !r.shop.released[r.id] {
				t.Error("no tombstone was left")
			}
		})
	}
}

func TestCancelWhileWaitingEndsOrder(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.CancelWorkflow))
	r.ends(order.Cancelled, "")
	r.published(order.InventoryReserved, order.PaymentPending, order.Cancelled)
}

func TestCancelAfterPaymentIsTooLate(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.pays("a"))
	r.at("Confirm", r.CancelWorkflow)
	r.ends(order.Confirmed, "")
	r.payment("a", order.PaymentApplied)
}

func TestPaymentAfterCancelIsRefunded(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.CancelWorkflow))
	r.at("Finish", r.pays("a"))
	r.ends(order.Cancelled, "")
	r.payment("a", order.PaymentRefunded)
}

func TestPaymentWinsOverCancelOfTheSameTask(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", func() {
		r.CancelWorkflow()
		r.pays("a")()
	})
	r.ends(order.Confirmed, "")
	r.payment("a", order.PaymentApplied)
}

func TestPaymentBeforePendingIsKept(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Reserve", "Initiate", "RequestPayment"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, newShop(1))
			r.at(at, r.pays("a"))
			r.ends(order.Confirmed, "")
			r.payment("a", order.PaymentApplied)
		})
	}
}

// An update that was not answered in time is signalled as well.
func TestPaymentMayComeByUpdateAndBySignal(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Reserve", "Initiate", "RequestPayment", "Published PAYMENT_PENDING", "Confirm", "Published CONFIRMED"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, newShop(1))
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.reports("a")))
			r.alsoAt(at, func() { r.reports("a")(); r.pays("a")() })
			r.ends(order.Confirmed, "")
			r.payment("a", order.PaymentApplied)
		})
	}
}

func TestPaymentThatComesByUpdateTooLateIsRefunded(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.CancelWorkflow))
	r.at("Finish", func() { r.reports("a")(); r.pays("a")() })
	r.ends(order.Cancelled, "")
	r.payment("a", order.PaymentRefunded)
}

func TestSecondPaymentIsRefunded(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", func() { r.pays("a")(); r.pays("b")() })
	r.at("Published CONFIRMED", r.pays("c"))
	r.ends(order.Confirmed, "")
	r.payment("a", order.PaymentApplied)
	r.payment("b", order.PaymentRefunded)
	r.payment("c", order.PaymentRefunded)
}

func TestRepeatedWebhookRefundsNothing(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", func() { r.pays("a")(); r.pays("a")() })
	r.at("Published CONFIRMED", r.pays("a"))
	r.at("MovePayment", func() { t.Error("a refund was tried") })
	r.ends(order.Confirmed, "")
	r.payment("a", order.PaymentApplied)
}

func TestPaymentForFailedOrderIsRefunded(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(0))
	r.at("Finish", r.pays("a"))
	r.ends(order.Failed, order.OutOfStock)
	r.payment("a", order.PaymentRefunded)
}

func TestFinalOrderIsLeftAndItsStrayPaymentRefunded(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	first := newRun(t, s)
	first.at("Published PAYMENT_PENDING", first.pays("a"))
	first.ends(order.Confirmed, "")

	again := newRunOf(t, s, first.id)
	again.at("Order", func() { again.pays("a")(); again.pays("b")() })
	again.ends(order.Confirmed, "")
	again.payment("a", order.PaymentApplied)
	again.payment("b", order.PaymentRefunded)
	again.published(order.InventoryReserved, order.PaymentPending, order.Confirmed)
}

func TestOrderWaitsOnWhenItsPaymentWasRefundedElsewhere(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Published PAYMENT_PENDING", r.pays("a"))
	r.at("Confirm", func() {
		r.shop.mu.Lock()
		r.shop.payments["a"].State = order.PaymentRefunded
		r.shop.mu.Unlock()
		r.later(time.Minute, r.pays("b"))()
	})
	r.ends(order.Confirmed, "")
	r.payment("b", order.PaymentApplied)
	if r.shop.refunds["a"] != 0 {
		t.Error("payment a was refunded again")
	}
}

func TestOrderThatIsFinalElsewhereIsLeftAndItsPaymentRefunded(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Reserve", "RequestPayment", "Confirm", "Finish"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, newShop(1))
			r.at("Published PAYMENT_PENDING", r.pays("a"))
			if at == "Finish" {
				r.at("Published PAYMENT_PENDING", r.declines)
			}
			r.at(at, func() {
				r.pays("a")()
				r.shop.mu.Lock()
				r.shop.orders[r.id].Status = order.Cancelled
				delete(r.shop.reserved, r.id)
				r.shop.mu.Unlock()
			})
			r.ends(order.Cancelled, "")
			r.payment("a", order.PaymentRefunded)
		})
	}
}

func TestReleasedOrderIsCancelledInsteadOfReserved(t *testing.T) {
	t.Parallel()
	r := newRun(t, newShop(1))
	r.at("Reserve", func() {
		r.shop.mu.Lock()
		r.shop.released[r.id] = true
		r.shop.mu.Unlock()
	})
	r.ends(order.Cancelled, "")
}

// An hour and more without Postgres or Kafka ends no order.
func TestOutageOfAStepIsWaitedFor(t *testing.T) {
	t.Parallel()
	unavailable := order.Wrap(errDown, order.CodeUnavailable, "no database")
	for _, method := range []string{"Reserve", "RequestPayment", "Confirm", "Publish"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			s.fail(method, 100, unavailable)
			r := newRun(t, s)
			r.at("Published PAYMENT_PENDING", r.pays("a"))
			r.ends(order.Confirmed, "")
			r.published(order.InventoryReserved, order.PaymentPending, order.Confirmed)
		})
	}
}

func TestOutageDuringCompensationIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Finish", 100, errDown)
	s.fail("MovePayment", 100, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.CancelWorkflow))
	r.at("Finish", r.pays("a"))
	r.ends(order.Cancelled, "")
	r.payment("a", order.PaymentRefunded)
}

// The refund of a payment that came during the release of the stock used to
// wait for the release, however long that took.
func TestPaymentThatComesWhileTheReleaseFailsIsRefundedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Finish", 100, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.CancelWorkflow))
	r.at("Finish", func() {
		r.later(time.Minute, r.pays("a"))()
		r.later(2*time.Minute, r.pays("b"))()
	})
	r.at("Refund", func() {
		if got := s.status(r.id); got != order.PaymentPending {
			t.Errorf("the order is %s when its payment is refunded", got)
		}
	})
	r.ends(order.Cancelled, "")
	r.payment("a", order.PaymentRefunded)
	r.payment("b", order.PaymentRefunded)
}

func TestGateOutageChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Settle", 1000, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.pays("a"))
	r.ends(order.Confirmed, "")
}

func TestLostAcknowledgementRepublishesTheSameEvent(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	s.fail("Published CONFIRMED", 1, errDown)
	r := newRun(t, s)
	r.at("Published PAYMENT_PENDING", r.pays("a"))
	r.ends(order.Confirmed, "")
	n := len(s.published)
	if s.published[n-1] != s.published[n-2] {
		t.Errorf("published %+v, then %+v", s.published[n-2], s.published[n-1])
	}
}

// A process that dies between a change and its publication leaves no trace in
// the workflow's history, which then need not repeat the step.
func TestChangeThatACrashKeptFromBeingPublishedIsPublished(t *testing.T) {
	t.Parallel()
	t.Run("when the order is found final", func(t *testing.T) {
		t.Parallel()
		s := newShop(1)
		id := s.accept()
		if _, err := s.Finish(t.Context(), id, order.Failed, order.OutOfStock); err != nil {
			t.Fatal(err)
		}
		r := newRunOf(t, s, id)
		r.ends(order.Failed, order.OutOfStock)
		r.published(order.Failed)
	})
	t.Run("when the buyer cancels before the step is repeated", func(t *testing.T) {
		t.Parallel()
		r := newRun(t, newShop(1))
		r.at("Initiate", func() {
			if _, err := r.shop.RequestPayment(t.Context(), r.id, "a", "https://pay.example/a", r.Now().Add(window)); err != nil {
				t.Error(err)
			}
			r.CancelWorkflow()
		})
		r.ends(order.Cancelled, "")
		r.published(order.InventoryReserved, order.PaymentPending, order.Cancelled)
	})
	t.Run("when the provider refuses before the step is repeated", func(t *testing.T) {
		t.Parallel()
		s := newShop(1)
		s.fail("Initiate", 100, order.Errorf(order.CodeValidation, "400"))
		r := newRun(t, s)
		r.at("Initiate", func() {
			if _, err := s.RequestPayment(t.Context(), r.id, "a", "https://pay.example/a", r.Now().Add(window)); err != nil {
				t.Error(err)
			}
			r.later(10*time.Second, r.pays("a"))()
		})
		r.ends(order.Confirmed, "")
		r.published(order.InventoryReserved, order.PaymentPending, order.Confirmed)
		r.payment("a", order.PaymentApplied)
	})
}

func TestUnknownOrderFailsTheWorkflowAndRefundsItsPayment(t *testing.T) {
	t.Parallel()
	s := newShop(1)
	r := newRunOf(t, s, uuid.New())
	r.at("Reserve", r.pays("a"))
	r.ExecuteWorkflow(OrderWorkflow, r.in)
	if r.GetWorkflowError() == nil {
		t.Error("the workflow succeeded")
	}
	r.payment("a", order.PaymentRefunded)
}
