package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"

	"order-service/order"
)

// maxReason is where the provider's reason for a decline is cut, in bytes.
const maxReason = 200

// The events that a payment provider reports, as in the path.
const (
	paymentSucceeded = "payment-success"
	paymentFailed    = "payment-failure"
)

// signed verifies a webhook and returns its body. The signature does not cover
// the path, so a report that says itself which order and event it is about must
// say the same: taken from one path and sent to another it is refused.
func (s *Server) signed(c *fiber.Ctx, event string) (*body, error) {
	if err := s.webhooks.verify(c); err != nil {
		s.refusedReport(&s.strangers, c, err, "webhook refused") // a forgery, or the secrets differ
		return nil, err
	}
	b, err := readReport(c, maxBody)
	if err != nil {
		return nil, s.logRejected(c, err)
	}
	id, err := orderID(c)
	if err != nil {
		return nil, s.logRejected(c, err)
	}
	b.same("orderId", id.String())
	b.kind(event)
	return b, nil
}

// logRejected logs why a report is refused that its signature proves to be the
// provider's, and returns err: a buyer has paid, and nobody else hears of it.
func (s *Server) logRejected(c *fiber.Ctx, err error) error {
	if err != nil {
		s.refusedReport(&s.cfg.Log, c, err, "a report was refused")
	}
	return err
}

func (s *Server) refusedReport(log *zerolog.Logger, c *fiber.Ctx, err error, what string) {
	log.Warn().Err(err).Interface("fields", classify(err).Fields).
		Bytes("request", requestID(c.Context())).Bytes("path", c.Context().Path()).Msg(what)
}

// paymentSuccess answers POST /orders/:id/payment-success. The payment is
// recorded before anything else: from then on it is either applied to its
// order or refunded, whatever fails in between. What became of it is read from
// Postgres, never concluded from the workflow's absence.
func (s *Server) paymentSuccess(c *fiber.Ctx) error {
	b, err := s.signed(c, paymentSucceeded)
	if err != nil {
		return err
	}
	p := order.Payment{
		ID: b.text("paymentId"), State: order.PaymentReceived, ReceivedAt: time.Now().UTC(),
		Money: order.Money{Amount: b.integer("amount"), Currency: b.text("currency")},
	}
	if err := s.logRejected(c, b.checkKnown(validPayment(p))); err != nil {
		return err
	}
	ctx, cancel := s.context()
	defer cancel()
	o, err := s.reported(ctx, c, paymentSucceeded, p)
	if err != nil {
		return err
	}
	ctx = s.joinTrace(ctx, c, o)
	p.OrderID = o.ID
	if o, err = s.receive(ctx, o, p); err != nil {
		return err
	}
	return c.JSON(statusView{OrderID: o.ID, Status: o.Status})
}

func validPayment(p order.Payment) error {
	switch {
	case !order.ValidPaymentID(p.ID):
		return invalidPaymentID()
	case p.Money.Amount < 0:
		return order.Invalid("amount", "must not be negative")
	case !order.ValidCurrency(p.Money.Currency):
		return order.Invalid("currency", "must be an ISO 4217 code such as EUR")
	}
	return nil
}

func invalidPaymentID() error {
	return order.Invalid("paymentId", "must be 1 to 200 printable ASCII characters without spaces")
}

// record records p, and tells of one that is known for another order: its buyer may
// have paid, and this order never hears of it.
func (s *Server) record(ctx context.Context, event string, p order.Payment) (order.Payment, error) {
	recorded, err := s.deps.Payments.RecordPayment(ctx, p)
	if order.CodeOf(err) == order.CodeConflict {
		s.stray(ctx, event, p, "a report is about a payment of another order")
	}
	return recorded, err
}

// receive records p and passes it on. It returns the order as last read.
func (s *Server) receive(ctx context.Context, o order.Order, p order.Payment) (order.Order, error) {
	if p.Money != o.Total() {
		return o, s.mismatch(ctx, o, p)
	}
	recorded, err := s.record(ctx, paymentSucceeded, p)
	if err != nil {
		return o, err
	}
	switch recorded.State {
	case order.PaymentReceived:
		return s.passOn(ctx, o, recorded)
	case order.PaymentApplied:
		if err := s.remind(ctx, recorded); err != nil {
			return o, err
		}
	}
	return s.standing(ctx, o) // applied or refunded before
}

// remind makes sure that the workflow knows of the payment that has confirmed its
// order. A provider repeats what had no answer, and so it was perhaps with a process
// that died between the commit and the workflow's hearing of it: until the payment
// window ended nobody would be told that the order is confirmed.
func (s *Server) remind(ctx context.Context, p order.Payment) error {
	if err := s.deps.Saga.Remind(ctx, p); err != nil && order.CodeOf(err) != order.CodeConflict {
		return notPassedOn(err)
	}
	return nil
}

// mismatch records a report that is not what o costs, for people to see. It
// changes nothing else: the provider may put it right.
func (s *Server) mismatch(ctx context.Context, o order.Order, p order.Payment) error {
	p.State = order.PaymentMismatch
	known, err := s.record(ctx, paymentSucceeded, p)
	if err != nil {
		return err
	}
	s.cfg.Log.Warn().Ctx(ctx).Str("payment", p.ID).Str("state", string(known.State)).Stringer("order", o.ID).
		Int64("amount", p.Money.Amount).Str("currency", p.Money.Currency).Msg("a payment does not match its order")
	return order.Errorf(order.CodeAmountMismatch, "The order costs %d %s.", o.Amount, o.Currency)
}

// passOn tells the workflow, or refunds when there is nothing to pay for any
// more. A workflow that has ended has left its outcome in Postgres; when that
// is not there the provider has to come back, or the money would be forgotten.
func (s *Server) passOn(ctx context.Context, o order.Order, p order.Payment) (order.Order, error) {
	var ended error
	if !o.Status.Final() {
		if ended = s.deps.Saga.PaymentReceived(ctx, o, p); ended != nil && order.CodeOf(ended) != order.CodeConflict {
			return o, notPassedOn(ended)
		}
	}
	o, err := s.refundIfLate(ctx, o, p)
	if err == nil && ended != nil && !o.Status.Final() {
		err = notPassedOn(ended)
	}
	return o, err
}

func notPassedOn(err error) error {
	return order.Wrap(err, order.CodeUnavailable, "The report is recorded but could not be passed on yet. Please repeat it.")
}

// refundIfLate returns the money of a payment whose order is final without it.
// It reads the order first and the payment second. A payment is applied in the
// same transaction that confirms its order, so one that is still RECEIVED after
// its order was seen final will never be applied.
func (s *Server) refundIfLate(ctx context.Context, o order.Order, p order.Payment) (order.Order, error) {
	o, err := s.standing(ctx, o)
	if err != nil || !o.Status.Final() {
		return o, err
	}
	if p, err = s.deps.Payments.Payment(ctx, p.ID); err != nil || p.State != order.PaymentReceived {
		return o, err
	}
	return o, s.refund(ctx, p)
}

func (s *Server) refund(ctx context.Context, p order.Payment) error {
	if err := s.deps.Saga.Refund(ctx, p); err != nil {
		return notPassedOn(err)
	}
	return nil
}

// paymentFailure answers POST /orders/:id/payment-failure.
func (s *Server) paymentFailure(c *fiber.Ctx) error {
	b, err := s.signed(c, paymentFailed)
	if err != nil {
		return err
	}
	p := order.Payment{ID: b.text("paymentId"), State: order.PaymentRefused, ReceivedAt: time.Now().UTC()}
	reason := b.words("reason", maxReason)
	if err := s.logRejected(c, b.checkKnown(validDecline(p))); err != nil {
		return err
	}
	ctx, cancel := s.context()
	defer cancel()
	o, err := s.reported(ctx, c, paymentFailed, p)
	if err != nil {
		return err
	}
	ctx = s.joinTrace(ctx, c, o)
	p.OrderID, p.Money = o.ID, o.Total()
	if err := s.decline(ctx, o, p, reason); err != nil {
		return err
	}
	return c.JSON(statusView{OrderID: o.ID, Status: o.Status})
}

func validDecline(p order.Payment) error {
	if !order.ValidPaymentID(p.ID) {
		return invalidPaymentID()
	}
	return nil
}

// decline records a declined payment and tells the workflow. A payment that
// was received before stays received: the order, or a refund, has it. The provider
// may mean that it has no money any more, and after a 200 it does not say so again.
func (s *Server) decline(ctx context.Context, o order.Order, p order.Payment, reason string) error {
	recorded, err := s.record(ctx, paymentFailed, p)
	if err != nil {
		return err
	}
	if recorded.State == order.PaymentReceived || recorded.State == order.PaymentApplied {
		s.cfg.Log.Warn().Ctx(ctx).Str("payment", p.ID).Str("state", string(recorded.State)).Stringer("order", o.ID).
			Msg("a payment that was received is declined")
	}
	if recorded.State != order.PaymentRefused || o.Status.Final() {
		return nil
	}
	err = s.deps.Saga.PaymentDeclined(ctx, o, p.ID, reason)
	if err != nil && order.CodeOf(err) != order.CodeConflict {
		return notPassedOn(err)
	}
	return nil
}
