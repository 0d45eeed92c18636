package saga

import (
	"context"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
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

// Told returns the payments that an order's latest saga was told of, in their
// order, some maybe twice; none where there was no saga. What that could not read
// either, a signal that somebody sent by hand, tells of none.
func (c *Client) Told(ctx context.Context, id uuid.UUID) (payments []order.Payment, err error) {
	err = c.call(ctx, func(ctx context.Context) error {
		return c.history(ctx, id, func(e *historypb.HistoryEvent) error {
			var p order.Payment
			report := reportIn(e)
			if report != nil && converter.GetDefaultDataConverter().FromPayloads(report, &p) == nil {
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

// reportIn is the report of a payment in e, by either way; nil: it has none.
func reportIn(e *historypb.HistoryEvent) *commonpb.Payloads {
	if s := e.GetWorkflowExecutionSignaledEventAttributes(); s.GetSignalName() == paymentReceivedSignal {
		return s.GetInput()
	}
	if u := e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput(); u.GetName() == paymentReport {
		return u.GetArgs()
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
