package saga

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"order-service/order"
)

// patience is how long a test waits for what has to happen; it decides only
// when a failing test gives up.
const patience = time.Minute

func temporalAddress(t *testing.T) string {
	t.Helper()
	address := os.Getenv("TEMPORAL_ADDRESS")
	if address == "" {
		t.Fatal("TEMPORAL_ADDRESS is not set; these tests need a Temporal server")
	}
	return address
}

// stand is a shop with a worker on a real Temporal server.
type stand struct {
	t *testing.T
	*shop
	client *Client
	worker *Worker
}

func newStand(t *testing.T, s *shop, window time.Duration) *stand {
	t.Helper()
	return newStandAt(t, s, window, temporalAddress(t))
}

// newStandAt does not start the worker.
func newStandAt(t *testing.T, s *shop, window time.Duration, address string) *stand {
	t.Helper()
	c, err := Dial(Config{
		Address: address, Namespace: "default", TaskQueue: "test-" + uuid.NewString(),
		PaymentTimeout: window, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.timeout = patience // a busy server answers late
	st := &stand{t: t, shop: s, client: c, worker: NewWorker(c, WorkerConfig{}, s.deps())}
	t.Cleanup(c.Close)
	t.Cleanup(st.worker.Stop)
	return st
}

func (s *stand) order(id uuid.UUID) order.Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.orders[id]
}

func (s *stand) start(id uuid.UUID) {
	s.t.Helper()
	if err := s.client.Start(s.t.Context(), s.order(id).Reservation()); err != nil {
		s.t.Fatal(err)
	}
}

// reached returns a channel that is closed when an order's progress to status
// has been published. Call it before the workflow starts.
func (s *stand) reached(status order.Status) <-chan struct{} {
	done := make(chan struct{})
	s.hooks["Published "+string(status)] = func() { close(done) }
	return done
}

func (s *stand) wait(done <-chan struct{}) {
	s.t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		s.t.Fatal("it did not happen")
	}
}

// awaitingPayment starts the worker and returns an order that waits for its payment.
func (s *stand) awaitingPayment() uuid.UUID {
	s.t.Helper()
	id := s.accept()
	pending := s.reached(order.PaymentPending)
	s.worker.Start()
	s.start(id)
	s.wait(pending)
	return id
}

// ended waits for a workflow to complete and decodes its result.
func (s *stand) ended(workflowID string, result any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.client.temporal.GetWorkflow(ctx, workflowID, "").Get(ctx, result); err != nil {
		s.t.Fatalf("%s: %v", workflowID, err)
	}
}

func (s *stand) ends(id uuid.UUID, want order.Status) {
	s.t.Helper()
	var got order.Status
	s.ended(orderWorkflowID(id), &got)
	if got != want || s.status(id) != want {
		s.t.Fatalf("workflow says %s, order is %s; want %s", got, s.status(id), want)
	}
}

// recorded is the history of a workflow.
func (s *stand) recorded(workflowID string) *historypb.History {
	s.t.Helper()
	h := &historypb.History{}
	events := s.client.temporal.GetWorkflowHistory(s.t.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			s.t.Fatal(err)
		}
		h.Events = append(h.Events, e)
	}
	return h
}

// record writes the history of a workflow for TestReplay when asked to.
func (s *stand) record(workflowID, name string) {
	s.t.Helper()
	if os.Getenv("RECORD_HISTORIES") != "1" {
		return
	}
	text, err := protojson.MarshalOptions{Indent: " "}.Marshal(s.recorded(workflowID))
	if err != nil {
		s.t.Fatal(err)
	}
	text = regexp.MustCompile(`("identity": *)"[^"]*"`).ReplaceAll(text, []byte(`$1"worker"`)) // no host names
	if err := os.WriteFile(filepath.Join("testdata", "histories", name+".json"), append(text, '\n'), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func TestServerConfirmsPaidOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.awaitingPayment()
	p := s.pay(id, "a-"+id.String())
	begun := time.Now()
	if err := s.client.PaymentReceived(t.Context(), s.order(id), p); err != nil {
		t.Fatal(err)
	}
	inTime := time.Since(begun) < reportTimeout // as on all machines but the busiest
	s.ends(id, order.Confirmed)
	s.record(orderWorkflowID(id), "confirmed")
	for _, e := range s.recorded(orderWorkflowID(id)).Events {
		if inTime && e.EventType == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			t.Error("the payment was signalled, which costs Temporal twice as much as an update")
		}
	}

	s.start(id) // delivered again by Kafka
	if err := s.client.PaymentReceived(t.Context(), s.order(id), p); order.CodeOf(err) != order.CodeConflict {
		t.Errorf("payment for an ended saga: %v", err)
	}
	before := s.order(id)
	before.Status = order.PaymentPending // as a backup of Postgres may say again
	if err := s.client.PaymentReceived(t.Context(), before, p); order.CodeOf(err) != order.CodeConflict {
		t.Errorf("payment for an ended saga by update: %v", err)
	}
	if err := s.client.PaymentDeclined(t.Context(), s.order(id), "b", ""); order.CodeOf(err) != order.CodeConflict {
		t.Errorf("decline for an ended saga: %v", err)
	}
	if err := s.client.Cancel(t.Context(), s.order(id)); err != nil {
		t.Errorf("cancel of an ended saga: %v", err)
	}
	s.ends(id, order.Confirmed) // still
}

// Nothing keeps an update whose worker and whose caller die at once, after the
// order was confirmed. The provider, who had no answer, reports the payment again.
func TestServerRemindsASagaOfThePaymentThatConfirmedItsOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.awaitingPayment()
	p := s.pay(id, "a-"+id.String())
	if _, err := s.Confirm(t.Context(), id, p.ID); err != nil { // and nobody was told
		t.Fatal(err)
	}
	if err := s.client.Remind(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Confirmed)
	if n := len(s.published); n == 0 || s.published[n-1].Status != order.Confirmed {
		t.Errorf("published %v", s.published)
	}
	if err := s.client.Remind(t.Context(), p); order.CodeOf(err) != order.CodeConflict {
		t.Errorf("a reminder for an ended saga: %v", err)
	}
	if begun, err := s.client.RefundBegun(t.Context(), p.ID); begun || err != nil {
		t.Errorf("a refund has begun: %v, %v", begun, err)
	}
}

// An update needs a worker there and then. A payment needs none.
func TestServerKeepsAPaymentThatNoWorkerIsThereToTake(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.awaitingPayment()
	s.worker.Stop()
	for _, payment := range []string{"first-", "second-"} {
		if err := s.client.PaymentReceived(t.Context(), s.order(id), s.pay(id, payment+id.String())); err != nil {
			t.Fatal(err)
		}
	}
	again := NewWorker(s.client, WorkerConfig{}, s.deps())
	t.Cleanup(again.Stop)
	again.Start()
	s.ends(id, order.Confirmed)
	var refunded bool
	s.ended(refundWorkflowID("second-"+id.String()), &refunded)
	if !refunded {
		t.Error("the second payment is kept")
	}
}

// A worker of a build that knows no updates rejects one. That is no answer.
func TestServerSignalsAPaymentThatAnOlderWorkerRejects(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	older := worker.New(s.client.temporal, s.client.cfg.TaskQueue, worker.Options{})
	older.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ Input) (p order.Payment, _ error) {
		workflow.GetSignalChannel(ctx, paymentReceivedSignal).Receive(ctx, &p)
		return p, nil
	}, workflow.RegisterOptions{Name: "OrderWorkflow"})
	if err := older.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(older.Stop)
	s.start(id)
	o, p := s.order(id), s.pay(id, "a-"+id.String())
	o.Status = order.PaymentPending
	if err := s.client.PaymentReceived(t.Context(), o, p); err != nil {
		t.Fatal(err)
	}
	var heard order.Payment
	s.ended(orderWorkflowID(id), &heard)
	if heard.ID != p.ID {
		t.Errorf("heard of %q", heard.ID)
	}
}

// A database that was put back to a state of before the order's end leaves it
// open while its workflow is COMPLETED: a plain start is answered with that one.
func TestServerBeginsAnOrderAnewWhoseWorkflowCompleted(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(0), time.Hour)
	id := s.accept()
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Failed)
	s.mu.Lock()
	o := s.orders[id]
	o.Status, o.Seq, o.FailureReason = order.Pending, 1, ""
	delete(s.history, id)
	delete(s.released, id)
	s.mu.Unlock()

	s.start(id)
	if running, err := s.client.Running(t.Context(), id); running || err != nil {
		t.Errorf("running: %v, %v", running, err)
	}
	for range 2 { // a second one finds the first, or the order final
		if err := s.client.Restart(t.Context(), s.order(id), order.Payment{}); err != nil {
			t.Fatal(err)
		}
	}
	s.ends(id, order.Failed)
}

// bought is the payment of an order that was confirmed by a report of it.
func (s *stand) bought() order.Payment {
	s.t.Helper()
	id := s.awaitingPayment()
	p := s.pay(id, "bought-"+id.String())
	if err := s.client.PaymentReceived(s.t.Context(), s.order(id), p); err != nil {
		s.t.Fatal(err)
	}
	s.ends(id, order.Confirmed)
	return p
}

// told is what the latest saga of an order is known to have been told of.
func (s *stand) told(id uuid.UUID) []order.Payment {
	s.t.Helper()
	payments, err := s.client.Told(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return payments
}

// toldOf requires p to be all that the latest saga of its order was told of, once or
// twice: an update that no worker takes in time is signalled as well.
func (s *stand) toldOf(p order.Payment) {
	s.t.Helper()
	payments := s.told(p.OrderID)
	for _, got := range payments {
		if got.ID != p.ID || got.OrderID != p.OrderID || got.Money != p.Money {
			s.t.Errorf("told of %+v, want %+v", got, p)
		}
	}
	if len(payments) == 0 {
		s.t.Errorf("told of nothing, want %+v", p)
	}
}

// A database that was put back to before an order was confirmed may have lost its
// payment, and the provider does not report it again.
func TestServerKnowsThePaymentsThatASagaWasToldOf(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(2), time.Hour)
	if told := s.told(s.accept()); told != nil {
		t.Errorf("one without a saga was told of %v", told)
	}
	early := s.accept()
	signalled := s.pay(early, "signalled-"+early.String())
	if err := s.client.PaymentReceived(t.Context(), s.order(early), signalled); err != nil {
		t.Fatal(err)
	}
	waiting := s.awaitingPayment()
	for _, byHand := range []any{"an operator's", map[string]string{"paymentId": "an operator's"}} {
		if err := s.client.temporal.SignalWorkflow(t.Context(), orderWorkflowID(waiting), "", paymentReceivedSignal, byHand); err != nil {
			t.Fatal(err)
		}
	}
	updated := s.pay(waiting, "updated-"+waiting.String())
	if err := s.client.PaymentReceived(t.Context(), s.order(waiting), updated); err != nil {
		t.Fatal(err)
	}
	for _, p := range []order.Payment{signalled, updated} {
		s.ends(p.OrderID, order.Confirmed)
		s.toldOf(p)
	}
}

// Temporal brings an update again to a saga that an operator resets, and then says
// what was admitted, and not what was accepted.
func TestServerKnowsThePaymentThatAResetHasBroughtAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	p := s.bought()
	id := p.OrderID
	events := s.recorded(orderWorkflowID(id)).Events
	task := slices.IndexFunc(events, func(e *historypb.HistoryEvent) bool {
		return e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
	})
	_, err := s.client.temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: s.client.cfg.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: orderWorkflowID(id)},
		Reason: "by a test", RequestId: uuid.NewString(), WorkflowTaskFinishEventId: events[task].EventId,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Confirmed)
	s.toldOf(p)
}

// The database is put back twice, and once more before the saga that was begun anew
// has confirmed its order. Nobody but the last saga knows of the payment.
func TestServerTellsEachSagaThatIsBegunAnewOfThePayment(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	p := s.bought()
	id := p.OrderID
	for range 2 {
		s.locked(func() {
			s.putBack(id)
			s.hooks["Confirm"] = s.locked(func() { s.putBack(id) })
		})()
		told := s.told(id)
		if len(told) == 0 {
			t.Fatal("its latest saga knows of no payment")
		}
		if err := s.client.Restart(t.Context(), s.order(id), told[0]); err != nil {
			t.Fatal(err)
		}
		s.ends(id, order.Confirmed)
		s.toldOf(p)
	}
	if state := s.paymentState(p.ID); state != order.PaymentApplied || s.refunds[p.ID] != 0 {
		t.Errorf("the payment is %s, refunded %d times", state, s.refunds[p.ID])
	}
}

// An operator terminated the first saga, and the database has lost that its order
// was given up and its payment given back. Kafka delivers its record again, and the
// provider its report.
func TestServerAsksAboutMoneyOfWhichASecondSagaIsTold(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	s.start(id)
	s.terminate(id)
	p := s.pay(id, "back-"+id.String())
	s.worker.Start()
	if err := s.client.Refund(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var refunded bool
	s.ended(refundWorkflowID(p.ID), &refunded)
	s.locked(func() { s.putBack(id) })()

	pending := s.reached(order.PaymentPending)
	s.start(id)
	s.wait(pending)
	if err := s.client.PaymentReceived(t.Context(), s.order(id), s.pay(id, p.ID)); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Cancel(t.Context(), s.order(id)); err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Cancelled)
	if state := s.paymentState(p.ID); !refunded || state == order.PaymentApplied {
		t.Errorf("given back: %v, and then %s", refunded, state)
	}
}

// The twin of the test above, for money: a plain start used to be answered with
// the refund that had completed, and nothing happened.
func TestServerRefundsAnewAPaymentWhoseRefundCompleted(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(0), time.Hour)
	p := s.pay(s.accept(), "again-"+uuid.NewString())
	tries := 0
	refunded := func() (done bool) {
		t.Helper()
		s.ended(refundWorkflowID(p.ID), &done)
		tries += s.attempts(refundWorkflowID(p.ID))
		return done
	}
	begun := func(want bool) {
		t.Helper()
		if got, err := s.client.RefundBegun(t.Context(), p.ID); got != want || err != nil {
			t.Errorf("a refund has begun: %v, %v; want %v", got, err, want)
		}
	}
	begun(false)
	s.worker.Start()
	if err := s.client.Refund(t.Context(), p); err != nil || !refunded() {
		t.Fatalf("refund: %v", err)
	}
	begun(true)
	s.locked(func() { s.payments[p.ID].State = order.PaymentRefunding })()
	for want := range 2 { // the second one finds the payment refunded
		if err := s.client.RestartRefund(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if done := refunded(); done != (want == 0) || s.paymentState(p.ID) != order.PaymentRefunded {
			t.Errorf("refunded %v, the payment is %s", done, s.paymentState(p.ID))
		}
	}
	if asked := s.refunds[p.ID]; asked < 2 || asked > tries { // the server tries again where it heard of it too late
		t.Errorf("the provider was asked %d times, by %d tries of the server", asked, tries)
	}
}

// A refund that finds its payment applied gives nothing back, and has completed.
// Where the database loses both afterwards, it does not come back by itself.
func TestServerGivesBackALostPaymentWhoseRefundFoundItApplied(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.awaitingPayment()
	p := s.pay(id, "applied-"+id.String())
	refunded := func() (done bool) {
		t.Helper()
		s.ended(refundWorkflowID(p.ID), &done)
		return done
	}
	if err := s.client.PaymentReceived(t.Context(), s.order(id), p); err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Confirmed)
	if err := s.client.Refund(t.Context(), p); err != nil || refunded() {
		t.Fatalf("refund of an applied payment: %v", err)
	}

	s.locked(func() { s.putBack(id) })()
	o := s.order(id)
	for _, do := range []func() error{
		func() error { return s.client.Restart(t.Context(), o, order.Payment{}) },
		func() error { return s.client.PaymentReceived(t.Context(), o, p) }, // which is lost, too
		func() error { return s.client.Cancel(t.Context(), o) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	s.ends(id, order.Cancelled)
	if !refunded() || s.paymentState(p.ID) != order.PaymentRefunded {
		t.Errorf("the payment is %s, refunded %d times", s.paymentState(p.ID), s.refunds[p.ID])
	}
}

func TestServerTimesOutUnpaidOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Second)
	id := s.accept()
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Failed)
	s.record(orderWorkflowID(id), "timeout")
}

func TestServerConfirmsAtTheEndOfTheWindowWhatNobodyCouldReport(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Second)
	id := s.accept()
	s.hooks["Published PAYMENT_PENDING"] = func() { s.pay(id, asked(id)) }
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Confirmed)
	if state := s.paymentState(asked(id)); state != order.PaymentApplied {
		t.Errorf("the payment is %s", state)
	}
	s.toldOf(*s.payments[asked(id)])
	s.record(orderWorkflowID(id), "paid-unreported")
}

func TestServerFailsSoldOutOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(0), time.Hour)
	id := s.accept()
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Failed)
	s.record(orderWorkflowID(id), "sold-out")
}

func TestServerFailsDeclinedOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.awaitingPayment()
	if err := s.client.PaymentDeclined(t.Context(), s.order(id), asked(id), "no funds"); err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Failed)
	s.record(orderWorkflowID(id), "declined")
}

func TestServerGoesOnAfterTheDeclineOfAnotherPayment(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	if err := s.client.PaymentDeclined(t.Context(), s.order(id), "oldest", ""); err != nil {
		t.Fatal(err)
	}
	pending := s.reached(order.PaymentPending)
	s.worker.Start()
	s.start(id)
	s.wait(pending)
	if err := s.client.PaymentDeclined(t.Context(), s.order(id), "older", "no funds"); err != nil {
		t.Fatal(err)
	}
	if err := s.client.PaymentReceived(t.Context(), s.order(id), s.pay(id, asked(id))); err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Confirmed)
	s.record(orderWorkflowID(id), "paid-after-another-decline")
}

func TestServerConfirmsFreeOrderWithoutTheProvider(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.acceptAt(0)
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Confirmed)
	if o := s.order(id); o.PaymentID != "" {
		t.Errorf("payment %s was asked for", o.PaymentID)
	}
	s.record(orderWorkflowID(id), "free")
}

func TestServerCancelsWaitingOrderAndRefundsWhatCameLate(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	p := s.pay(id, "late-"+id.String())
	pending := s.reached(order.PaymentPending)
	s.hooks["Finish"] = func() {
		if err := s.client.PaymentReceived(context.Background(), s.order(id), p); err != nil {
			t.Error(err)
		}
	}
	s.worker.Start()
	s.start(id)
	s.wait(pending)
	if err := s.client.Cancel(t.Context(), s.order(id)); err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Cancelled)
	var refunded bool
	s.ended(refundWorkflowID(p.ID), &refunded)
	asked, tries := s.refunds[p.ID], s.attempts(refundWorkflowID(p.ID))
	if !refunded || asked < 1 || asked > tries { // the server tries again where it heard of it too late
		t.Errorf("refunded %v, %d times, by %d tries of the server", refunded, asked, tries)
	}
	s.record(orderWorkflowID(id), "cancelled")
	s.record(refundWorkflowID(p.ID), "refund")

	if err := s.client.Refund(t.Context(), p); err != nil { // the webhook asks, too
		t.Fatal(err)
	}
	s.ended(refundWorkflowID(p.ID), &refunded)
	if s.refunds[p.ID] != asked {
		t.Errorf("refunded %d times more", s.refunds[p.ID]-asked)
	}
}

func TestServerRefundsPaymentWhileTheReleaseFails(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	p := s.pay(id, "meanwhile-"+id.String())
	s.fail("Finish", 7, errDown)
	pending, released := s.reached(order.PaymentPending), s.reached(order.Cancelled)
	s.hooks["Finish"] = func() {
		if err := s.client.PaymentReceived(context.Background(), s.order(id), p); err != nil {
			t.Error(err)
		}
	}
	refunded := make(chan struct{})
	s.hooks["Refund"] = func() { close(refunded) }
	s.worker.Start()
	s.start(id)
	s.wait(pending)
	if err := s.client.Cancel(t.Context(), s.order(id)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-refunded:
	case <-released:
		t.Error("the refund waits for the release")
	case <-time.After(patience):
		t.Fatal("neither happened")
	}
	s.ends(id, order.Cancelled)
	s.record(orderWorkflowID(id), "paid-while-release-fails")
}

func TestServerCancelsOrderThatNobodyStarted(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	if err := s.client.Cancel(t.Context(), s.order(id)); err != nil {
		t.Fatal(err)
	}
	s.worker.Start()
	s.ends(id, order.Cancelled)
	s.record(orderWorkflowID(id), "cancelled-unstarted")
}

func TestServerUsesPaymentThatCameBeforeTheStart(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	p := s.pay(id, "early-"+id.String())
	if err := s.client.PaymentReceived(t.Context(), s.order(id), p); err != nil {
		t.Fatal(err)
	}
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Confirmed)
	s.record(orderWorkflowID(id), "paid-early")
}

func TestServerFailsOrderWhenProviderStaysUnreachable(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	s.fail("Initiate", 1000, errDown)
	s.worker.steps.patience = time.Second
	id := s.accept()
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Failed)
	if got := s.order(id).FailureReason; got != order.PaymentUnavailable {
		t.Errorf("reason is %s", got)
	}
	// The try within a workflow task is repeated with the task, on a busy machine.
	tried, byServer := 1000-len(s.faults["Initiate"]), s.attempts(orderWorkflowID(id))
	if byServer != initiateAttempts || tried < 1+initiateAttempts {
		t.Errorf("tried %d times, %d by the server, want 1 and %d: it counts from the first schedule", tried, byServer, initiateAttempts)
	}
	s.record(orderWorkflowID(id), "provider-unreachable")
}

// attempts is how often the server has had a workflow's last activity tried.
func (s *stand) attempts(workflowID string) (n int) {
	s.t.Helper()
	for _, e := range s.recorded(workflowID).Events {
		if started := e.GetActivityTaskStartedEventAttributes(); started != nil {
			n = int(started.Attempt)
		}
	}
	return n
}

// The seventh failure of a step leaves the worker and waits on the server.
func TestServerWaitsOutALongOutage(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(0), time.Hour)
	s.fail("Reserve", 7, errDown)
	id := s.accept()
	s.worker.Start()
	s.start(id)
	s.ends(id, order.Failed)
	s.record(orderWorkflowID(id), "outage")
}

func TestServerRefundLeavesAppliedPaymentAlone(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	p := s.pay(id, "applied-"+id.String())
	s.payments[p.ID].State = order.PaymentApplied
	s.worker.Start()
	if err := s.client.Refund(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	refunded := true
	s.ended(refundWorkflowID(p.ID), &refunded)
	if refunded || s.refunds[p.ID] != 0 {
		t.Errorf("refunded %v, %d times", refunded, s.refunds[p.ID])
	}
}

func TestServerHandsOrderToAnotherWorker(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.awaitingPayment()
	s.worker.Stop()
	if err := s.client.PaymentReceived(t.Context(), s.order(id), s.pay(id, "a-"+id.String())); err != nil {
		t.Fatal(err)
	}
	next := NewWorker(s.client, WorkerConfig{}, s.deps())
	defer next.Stop()
	next.Start()
	s.ends(id, order.Confirmed)
}

func TestServerKnowsWhichSagasRun(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.accept()
	expect := func(when string, want bool) {
		t.Helper()
		if running, err := s.client.Running(t.Context(), id); running != want || err != nil {
			t.Errorf("%s: %v %v", when, running, err)
		}
	}
	expect("before the start", false)
	s.start(id)
	expect("after the start", true)
	s.terminate(id)
	expect("after it was terminated", false)
}

func (s *stand) terminate(id uuid.UUID) {
	s.t.Helper()
	if err := s.client.temporal.TerminateWorkflow(s.t.Context(), orderWorkflowID(id), "", "by a test"); err != nil {
		s.t.Fatal(err)
	}
}

// A terminated saga was never begun again: its id was taken for good, so the
// order stayed open, the units held, and a payment kept.
func TestServerTerminatedSagaGoesOnWhereItsOrderStands(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(*stand, order.Order) (order.Status, error){
		"paid": func(s *stand, o order.Order) (order.Status, error) {
			return order.Confirmed, s.client.PaymentReceived(t.Context(), o, s.pay(o.ID, "a-"+o.ID.String()))
		},
		"cancelled": func(s *stand, o order.Order) (order.Status, error) {
			return order.Cancelled, s.client.Cancel(t.Context(), o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, newShop(1), time.Hour)
			id := s.accept()
			pending := s.reached(order.PaymentPending)
			s.worker.Start()
			s.start(id)
			s.wait(pending)
			s.terminate(id)
			want, err := again(s, s.order(id))
			if err != nil {
				t.Fatal(err)
			}
			s.ends(id, want)
		})
	}
}

func TestServerAnswersPing(t *testing.T) {
	t.Parallel()
	if err := newStand(t, newShop(1), time.Hour).client.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMissingNamespaceIsNamedAndRetryable(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	s.client.cfg.Namespace = "no-such-namespace"
	err := s.client.Ping(t.Context())
	if order.CodeOf(err) != order.CodeUnavailable || !strings.Contains(err.Error(), `"no-such-namespace" does not exist`) {
		t.Errorf("got %v", err)
	}
}

func TestClientSaysUnavailableWhileTemporalIsDown(t *testing.T) {
	t.Parallel()
	s := newStandAt(t, newShop(1), time.Hour, "127.0.0.1:1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	o := s.order(s.accept())
	for name, err := range map[string]error{
		"ping":   s.client.Ping(ctx),
		"start":  s.client.Start(ctx, o.Reservation()),
		"cancel": s.client.Cancel(ctx, o),
		"pay":    s.client.PaymentReceived(ctx, o, order.Payment{ID: "a"}),
		"refund": s.client.Refund(ctx, order.Payment{ID: "a"}),
	} {
		if order.CodeOf(err) != order.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The worker starts while Temporal is away, begins when it comes, and stops
// at once when told to.
func TestWorkerWaitsForTemporal(t *testing.T) {
	t.Parallel()
	gate := newLine(t, temporalAddress(t))
	s := newStandAt(t, newShop(0), time.Hour, gate.address)
	id := s.accept()
	s.worker.Start()
	s.wait(gate.refusedOnce)
	gate.open()
	deadline := time.Now().Add(patience)
	for s.client.Start(t.Context(), s.order(id).Reservation()) != nil && time.Now().Before(deadline) {
	}
	s.ends(id, order.Failed)
	s.worker.Stop()
	s.worker.Stop()
}

func TestWorkerStopsWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	s := newStandAt(t, newShop(0), time.Hour, "127.0.0.1:1")
	s.worker.Start()
	s.worker.Stop()
}

// line is a TCP line to a server that is cut until it is opened.
type line struct {
	address     string
	refusedOnce chan struct{}

	server string
	mu     sync.Mutex
	opened bool
}

func newLine(t *testing.T, server string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out := &line{address: l.Addr().String(), refusedOnce: make(chan struct{}), server: server}
	var serving sync.WaitGroup
	serving.Go(func() { out.serve(l, &serving) })
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return out
}

func (l *line) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened = true
}

func (l *line) isOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened
}

func (l *line) serve(in net.Listener, serving *sync.WaitGroup) {
	refused := sync.OnceFunc(func() { close(l.refusedOnce) })
	for {
		conn, err := in.Accept()
		if err != nil {
			return
		}
		if !l.isOpen() {
			_ = conn.Close()
			refused()
			continue
		}
		serving.Go(func() { l.join(conn) })
	}
}

// join copies both ways until either side closes.
func (l *line) join(client net.Conn) {
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { pipe(server, client) })
	both.Go(func() { pipe(client, server) })
	both.Wait()
}
