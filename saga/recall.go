package saga

import (
	"context"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/sdk/converter"

	"order-service/order"
)

// Recall returns an order that the database has lost as it was accepted, by what
// Temporal keeps of its latest saga. Its status is PENDING, or how that saga has
// ended it. CodeOrderNotFound: there is none, or it began with a build that did
// not keep its order.
func (c *Client) Recall(ctx context.Context, id uuid.UUID) (o order.Order, err error) {
	err = c.call(ctx, func(ctx context.Context) error {
		o, err = c.recall(ctx, id)
		return err
	})
	if order.CodeOf(err) == order.CodeConflict || err == nil && !restorable(o) {
		return order.Order{}, order.Errorf(order.CodeOrderNotFound, "There is no order %s.", id)
	}
	return o, err
}

func (c *Client) recall(ctx context.Context, id uuid.UUID) (o order.Order, err error) {
	return o, c.history(ctx, id, func(e *historypb.HistoryEvent) error { return remember(&o, e) })
}

// Told returns the payments that an order's latest saga was told of, or has found
// by itself, in their order, some maybe twice; none where there was no saga. What
// is no payment of the order, as a signal that somebody sent by hand, tells of none.
func (c *Client) Told(ctx context.Context, id uuid.UUID) (payments []order.Payment, err error) {
	err = c.call(ctx, func(ctx context.Context) error {
		return c.history(ctx, id, func(e *historypb.HistoryEvent) error {
			if p := paymentIn(e); p.OrderID == id && order.ValidPaymentID(p.ID) {
				payments = append(payments, p)
			}
			return nil
		})
	})
	if order.CodeOf(err) == order.CodeConflict {
		return nil, nil
	}
	return payments, err
}

// history has each take the events of an order's latest saga.
func (c *Client) history(ctx context.Context, id uuid.UUID, each func(*historypb.HistoryEvent) error) error {
	events := c.temporal.GetWorkflowHistory(ctx, orderWorkflowID(id), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err == nil {
			err = each(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// paymentIn is the payment that e tells of: a report by either way, or what Finish
// found that nobody could report. It is zero where e tells of none.
func paymentIn(e *historypb.HistoryEvent) (p order.Payment) {
	payloads := converter.GetDefaultDataConverter()
	if report := reportIn(e); report != nil {
		_ = payloads.FromPayloads(report, &p) // the saga could not read it either
		return p
	}
	var step moved
	result := e.GetMarkerRecordedEventAttributes().GetDetails()["result"] // of a local activity
	if result != nil && payloads.FromPayloads(result, &step) == nil && step.Paid != nil {
		return *step.Paid
	}
	return p
}

// reportIn is the report of a payment in e, by either way; nil: it has none. Of an
// update that Temporal itself brings again, after an operator's reset, it is what
// was admitted, and what was accepted is empty.
func reportIn(e *historypb.HistoryEvent) *commonpb.Payloads {
	if s := e.GetWorkflowExecutionSignaledEventAttributes(); s.GetSignalName() == paymentReceivedSignal {
		return s.GetInput()
	}
	for _, update := range []*updatepb.Request{
		e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest(),
		e.GetWorkflowExecutionUpdateAdmittedEventAttributes().GetRequest(),
	} {
		if update.GetInput().GetName() == paymentReport {
			return update.GetInput().GetArgs()
		}
	}
	return nil
}

// remember takes from e what is to be known of its saga's order.
func remember(o *order.Order, e *historypb.HistoryEvent) error {
	payloads := converter.GetDefaultDataConverter()
	if begun := e.GetWorkflowExecutionStartedEventAttributes(); begun != nil {
		var in Input
		err := payloads.FromPayloads(begun.GetInput(), &in)
		*o = in.accepted()
		return err
	}
	if ended := e.GetWorkflowExecutionCompletedEventAttributes(); ended != nil {
		return payloads.FromPayloads(ended.GetResult(), &o.Status)
	}
	return nil
}
