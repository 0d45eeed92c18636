package saga

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"order-service/order"
)

// ending is how an order that cannot be CONFIRMED has to end.
type ending struct {
	status order.Status // FAILED or CANCELLED
	reason order.Reason // only with FAILED
}

// onward is no ending: the order goes on.
func onward() ending { return ending{} }

func failed(r order.Reason) ending { return ending{status: order.Failed, reason: r} }

func cancelled() ending { return ending{status: order.Cancelled} }

// compensations undo the steps of one saga. Each is added before its step: the
// outcome of a step that was cut off is unknown, so it is undone too.
type compensations []func(workflow.Context, ending) error

func (c *compensations) add(undo func(workflow.Context, ending) error) { *c = append(*c, undo) }

// run runs all of them at once on a context that cancellation does not reach,
// and returns when all are done. They retry by themselves; an error is one
// that no retry cures.
func (c compensations) run(ctx workflow.Context, e ending) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	errs := make([]error, len(c))
	running := workflow.NewWaitGroup(ctx)
	for i, undo := range c {
		running.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			errs[i] = undo(ctx, e)
			running.Done()
		})
	}
	running.Wait(ctx)
	return errors.Join(errs...)
}
