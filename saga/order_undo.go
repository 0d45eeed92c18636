package saga

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"order-service/order"
)

// finish is what undoes every step on the order: its final status and the
// release of its stock, in one transaction. A payment that turns up instead
// confirms the order; one that somebody gives back meanwhile does not, and the
// order is finished after all.
func (s *orderSaga) finish(ctx workflow.Context, e ending) error {
	defer func() { s.finished = true }()
	for {
		m, err := s.move(ctx, s.steps.Finish, e.status, e.reason)
		switch {
		case err != nil:
			return err
		case m.Paid != nil:
			if err := s.confirmInstead(ctx, *m.Paid); err != nil || s.order.Status.Final() {
				return err
			}
			continue
		case m.Refusal != "":
			return s.read(ctx)
		}
		s.order.Status = e.status
		return nil
	}
}

// confirmInstead applies p, of which no report had come when Finish looked. One
// that comes while it is being applied is of no second payment; one that came
// before may have begun its refund.
func (s *orderSaga) confirmInstead(ctx workflow.Context, p order.Payment) error {
	s.applied = p.ID
	m, err := s.move(ctx, s.steps.Confirm, p, true)
	if err == nil && m.Refusal == "" {
		s.order.Status = order.Confirmed
		return nil
	}
	s.applied = ""
	return errors.Join(err, s.refund(ctx, p))
}

// refundMeanwhile is what undoes payments: it hands back those that have come
// and, while finish is being repeated, those that come. A release that fails
// keeps no money.
func (s *orderSaga) refundMeanwhile(ctx workflow.Context, _ ending) error {
	news := func() bool {
		s.collect()
		return s.finished || len(s.payments) > 0
	}
	for {
		if err := s.refundUnused(ctx); err != nil {
			return err
		}
		if err := workflow.Await(ctx, news); err != nil || s.finished {
			return err // what comes from now on is for the end of the workflow
		}
		if workflow.GetVersion(ctx, refundMeanwhileChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			return nil
		}
	}
}

// refundUnused hands back every payment that was not applied, until no more
// have come.
func (s *orderSaga) refundUnused(ctx workflow.Context) error {
	for s.collect(); len(s.payments) > 0; s.collect() {
		p := s.payments[0]
		s.payments = s.payments[1:]
		if p.ID == s.applied {
			continue // the webhook was repeated
		}
		if err := s.refund(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *orderSaga) refund(ctx workflow.Context, p order.Payment) error {
	return startRefund(ctx, refundOf(p))
}
