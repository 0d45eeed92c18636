package saga

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"order-service/order"
)

// OrderWorkflow drives one order to its final status, which it returns. It
// fails only when a step fails for good, which no outage causes.
func OrderWorkflow(ctx workflow.Context, in Input) (order.Status, error) {
	s := newOrderSaga(ctx, in)
	err := workflow.SetUpdateHandler(ctx, paymentReport, s.reported)
	if err == nil {
		err = s.run()
	}
	return s.order.Status, errors.Join(err, s.refundUnused(s.steady))
}

// orderSaga is the state of one OrderWorkflow.
type orderSaga struct {
	in     Input
	buyer  workflow.Context // done when the buyer cancels
	steady workflow.Context // never done: every step runs on it
	steps  *activities      // nil: it names the activities

	received workflow.ReceiveChannel
	declined workflow.ReceiveChannel

	begun    bool       // open reserved: false in histories of before it did
	refusal  order.Code // why nothing is reserved
	order    order.Order
	payments []order.Payment // that have come and are not refunded
	declines []Decline       // signalled and not looked at
	applied  string          // id of the payment that confirmed the order
	finished bool            // finish has returned
	undo     compensations

	// doubts is whether a payment that comes may have been given back. That of a
	// first saga cannot have been before one was refused: only who finds an order
	// final, or refused its payment, begins a refund.
	doubts bool
}

func newOrderSaga(ctx workflow.Context, in Input) *orderSaga {
	steady, _ := workflow.NewDisconnectedContext(ctx)
	return &orderSaga{
		in:       in,
		order:    in.accepted(),
		doubts:   in.Again,
		buyer:    ctx,
		steady:   withStep(withProvider(steady, initiateMax)),
		received: workflow.GetSignalChannel(ctx, paymentReceivedSignal),
		declined: workflow.GetSignalChannel(ctx, paymentDeclinedSignal),
	}
}

// run takes the order to a final status.
func (s *orderSaga) run() error {
	s.undo.add(s.finish)
	s.undo.add(s.refundMeanwhile)
	if err := s.open(); err != nil || s.order.Status.Final() {
		return err
	}
	end, err := s.forward()
	if err == nil && end != onward() {
		err = s.undo.run(s.steady, end)
	}
	if err == nil && !s.order.Status.Final() {
		err = fmt.Errorf("order %s is left %s", s.in.OrderID, s.order.Status)
	}
	return err
}

// forward takes the order towards CONFIRMED until it is final. It returns how
// the order has to end when it cannot get there.
func (s *orderSaga) forward() (ending, error) {
	for _, step := range []func() (ending, error){s.reserve, s.confirmFree, s.initiatePayment, s.awaitPayment} {
		if end, err := step(); err != nil || end != onward() || s.order.Status.Final() {
			return end, err
		}
	}
	return onward(), nil
}

// open reads the order and, unless the buyer has cancelled it, reserves it in
// the same step.
func (s *orderSaga) open() error {
	var o opened
	err := workflow.ExecuteLocalActivity(s.steady, s.steps.ReadOrder, s.order, s.buyer.Err() == nil).Get(s.steady, &o)
	if err == nil {
		s.order, s.begun, s.refusal = o.Order, o.Begun, o.Refusal
	}
	return err
}

// reserve makes of open's answer how the order goes on; in histories without
// one it asks here.
func (s *orderSaga) reserve() (ending, error) {
	if s.buyer.Err() != nil {
		return cancelled(), nil
	}
	if !s.begun {
		m, err := s.move(s.steady, s.steps.Reserve)
		if err != nil {
			return onward(), err
		}
		if s.refusal = m.Refusal; s.refusal == "" {
			s.order.Status = order.InventoryReserved
		}
	}
	switch s.refusal {
	case "":
		return onward(), nil
	case order.CodeConflict: // released before it was reserved
		return cancelled(), nil
	}
	return failed(unreserved(s.refusal)), nil
}

// unreserved is why an order fails whose reservation was refused by code.
func unreserved(code order.Code) order.Reason {
	if code == order.CodePurchaseLimit {
		return order.PurchaseLimit
	}
	return order.OutOfStock
}

// confirmFree confirms an order that costs nothing: there is no payment to ask
// for or to wait for.
func (s *orderSaga) confirmFree() (ending, error) {
	if !s.order.Free() || s.version(freeOrderChange) == workflow.DefaultVersion {
		return onward(), nil
	}
	if s.buyer.Err() != nil {
		return cancelled(), nil
	}
	m, err := s.move(s.steady, s.steps.Confirm, order.Payment{}, false)
	switch {
	case err != nil:
		return onward(), err
	case m.Refusal != "": // the order is elsewhere
		return onward(), s.read(s.steady)
	}
	s.order.Status = order.Confirmed
	return onward(), nil
}

// initiatePayment gets a payment from the provider and asks the buyer for it.
func (s *orderSaga) initiatePayment() (ending, error) {
	if s.buyer.Err() != nil {
		return cancelled(), nil
	}
	if s.order.Status == order.PaymentPending { // by a saga that was terminated: the buyer has been asked already
		s.doubts = true
		return onward(), s.requestPayment(initiated{PaymentID: s.order.PaymentID, Link: s.order.PaymentURL})
	}
	p, err := s.initiate()
	switch {
	case err != nil || p.Unavailable:
		return failed(order.PaymentUnavailable), nil
	case s.buyer.Err() != nil: // the buyer is not shown the link any more
		return cancelled(), nil
	}
	return onward(), s.requestPayment(p)
}

// initiate asks the provider within the workflow task, which is all that most
// orders need, and by a regular activity where that brought nothing.
func (s *orderSaga) initiate() (p initiated, err error) {
	if s.begun {
		err = workflow.ExecuteLocalActivity(withOneTry(s.steady), s.steps.TryPayment, s.order).Get(s.steady, &p)
		if err == nil && p != (initiated{}) {
			return p, nil
		}
	}
	err = workflow.ExecuteActivity(s.steady, s.steps.InitiatePayment, s.order).Get(s.steady, &p)
	return p, err
}

func (s *orderSaga) requestPayment(p initiated) error {
	m, err := s.move(s.steady, s.steps.RequestPayment, p, s.in.PaymentTimeout)
	switch {
	case err != nil:
		return err
	case m.Refusal != "": // the order is elsewhere
		return s.read(s.steady)
	}
	s.order.Status, s.order.PaymentID, s.order.PaymentURL, s.order.ExpiresAt = order.PaymentPending, p.PaymentID, p.Link, m.ExpiresAt
	return nil
}

// awaitPayment waits for the first of payment, cancellation, decline and the
// end of the window. Where several are there they rank in this order: money
// that has arrived buys the order.
func (s *orderSaga) awaitPayment() (ending, error) {
	for {
		if err := s.await(s.order.ExpiresAt); err != nil {
			return onward(), err
		}
		switch {
		case len(s.payments) > 0:
			if err := s.confirm(s.payments[0]); err != nil || s.order.Status.Final() {
				return onward(), err
			}
		case s.buyer.Err() != nil:
			return cancelled(), nil
		case len(s.declines) > 0:
			if s.paymentDeclined() {
				return failed(order.PaymentDeclined), nil
			}
		default:
			return failed(order.PaymentTimeout), nil
		}
	}
}

// await returns when there is news or at the time end.
func (s *orderSaga) await(end time.Time) error {
	news := func() bool {
		s.collect()
		return len(s.payments) > 0 || len(s.declines) > 0 || s.buyer.Err() != nil
	}
	left := end.Sub(workflow.Now(s.steady))
	if news() || left <= 0 {
		return nil
	}
	_, err := workflow.AwaitWithTimeout(s.steady, left, news)
	return err
}

// reported takes a payment that comes by an update.
func (s *orderSaga) reported(_ workflow.Context, p order.Payment) error {
	s.payments = append(s.payments, p)
	return nil
}

// collect takes the signals that have come.
func (s *orderSaga) collect() {
	for p := (order.Payment{}); s.received.ReceiveAsync(&p); p = (order.Payment{}) {
		s.payments = append(s.payments, p)
	}
	for d := (Decline{}); s.declined.ReceiveAsync(&d); d = (Decline{}) {
		s.declines = append(s.declines, d)
	}
}

// paymentDeclined looks at the declines that have come. One that names another payment
// than the buyer was asked for is of an older attempt: it ends nothing.
func (s *orderSaga) paymentDeclined() bool {
	for _, d := range s.declines {
		if d.PaymentID == s.order.PaymentID || s.version(namedDeclineChange) == workflow.DefaultVersion {
			return true
		}
	}
	s.declines = nil
	return false
}

// confirm applies p, the first payment. One that cannot be applied is handed
// back, and the order read again: it may still wait for another.
func (s *orderSaga) confirm(p order.Payment) error {
	m, err := s.move(s.steady, s.steps.Confirm, p, s.doubts)
	if err != nil {
		return err
	}
	if m.Refusal == "" {
		s.order.Status, s.applied = order.Confirmed, p.ID
		return nil
	}
	s.payments, s.doubts = s.payments[1:], true
	return errors.Join(s.refund(s.steady, p), s.read(s.steady))
}

// read reads the order anew. Like move it blocks on ctx, which must be the
// calling coroutine's own.
func (s *orderSaga) read(ctx workflow.Context) error {
	return workflow.ExecuteLocalActivity(ctx, s.steps.ReadOrder, s.order, false).Get(ctx, &s.order)
}

// version is that of a change, asked only where the change makes a difference,
// so that no other order's history carries its marker.
func (s *orderSaga) version(change string) workflow.Version {
	return workflow.GetVersion(s.steady, change, workflow.DefaultVersion, 1)
}

// move runs one move of the order as a local activity, which is given the order
// as the saga knows it. No history keeps what a local activity is given.
func (s *orderSaga) move(ctx workflow.Context, step any, args ...any) (moved, error) {
	var m moved
	args = append([]any{s.order}, args...)
	err := workflow.ExecuteLocalActivity(ctx, step, args...).Get(ctx, &m)
	if err == nil && m.Refusal == "" {
		s.order.Seq = max(s.order.Seq, m.Seq) // histories of old have no m.Seq
	}
	return m, err
}
