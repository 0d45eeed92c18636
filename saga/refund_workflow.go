package saga

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// RefundWorkflow gives one payment back and returns true, or false when there
// is nothing to give back: the payment was applied, refunded, declined or never
// the right one. The state in Postgres decides, not the caller, so nothing is
// refunded twice and no confirmed order loses its payment. The provider is
// asked until it agrees.
func RefundWorkflow(ctx workflow.Context, r Refund) (bool, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = withStep(withProvider(ctx, refundMax))
	var steps *activities // nil: it names the activities
	var claimed bool
	err := workflow.ExecuteLocalActivity(ctx, steps.ClaimRefund, r.Payment).Get(ctx, &claimed)
	if err != nil || !claimed {
		return false, err
	}
	if err := workflow.ExecuteActivity(ctx, steps.RefundPayment, r).Get(ctx, nil); err != nil {
		return false, err
	}
	err = workflow.ExecuteLocalActivity(ctx, steps.CloseRefund, r.Payment).Get(ctx, nil)
	return err == nil, err
}

// startRefund hands r to a RefundWorkflow that outlives the caller. That one runs
// already is as good. One that has completed is not: it may have found the payment
// applied, and Postgres have lost both since. One too many finds it refunded.
func startRefund(ctx workflow.Context, r Refund) error {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            refundWorkflowID(r.Payment.ID),
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	// A parent that returns before its child has started takes the child along.
	err := workflow.ExecuteChildWorkflow(ctx, RefundWorkflow, r).GetChildWorkflowExecution().Get(ctx, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return nil
	}
	return err
}
