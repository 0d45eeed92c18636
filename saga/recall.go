package saga

import (
	"context"

	"github.com/google/uuid"
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
	events := c.temporal.GetWorkflowHistory(ctx, orderWorkflowID(id), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() && err == nil {
		var e *historypb.HistoryEvent
		if e, err = events.Next(); err == nil {
			err = remember(&o, e)
		}
	}
	return o, err
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
