package saga

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"order-service/order"
)

// The retry table. Whether an error is worth repeating is order.Permanent's
// decision; how often and how long is decided here.
const (
	// A step is a few Postgres statements, one produce and one Redis call.
	stepTimeout = 10 * time.Second
	stepFirst   = 250 * time.Millisecond
	// Retries of a local activity whose backoff is longer than a workflow task
	// (10 s) wait on a timer of the server, so from the seventh on a step pins
	// no worker. A minute keeps an outage of five days below the 51,200 events
	// that Temporal allows one history.
	stepMax = time.Minute

	// providerTimeout is what the provider has for an answer. The wait for a turn
	// comes before it and takes as long at most, because no more activities run at
	// a time than the provider is asked calls.
	providerTimeout = 5 * time.Second
	// tryTimeout bounds the call that is made within a workflow task, whose slot
	// it holds. With the limits below it is within the provider's minute.
	tryTimeout    = 2 * time.Second
	providerFirst = time.Second
	initiateMax   = 8 * time.Second
	refundMax     = time.Minute

	// The provider counts as unreachable after 45 s and five failures: with the
	// longest pause and one more call that is within the minute it is given.
	// Time in the task queue counts towards the first only, or a worker's
	// backlog would fail orders whose provider was never asked.
	initiatePatience = 45 * time.Second
	initiateAttempts = 5

	// forever stands in for the "no limit" that local activities lack.
	forever = 10 * 365 * 24 * time.Hour
)

// withStep returns ctx for the short steps on Postgres and Kafka.
func withStep(ctx workflow.Context) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    stepTimeout,
		ScheduleToCloseTimeout: forever,
		RetryPolicy:            retries(stepFirst, stepMax),
	})
}

// withOneTry returns ctx for a local activity that is not repeated: what it
// could not do, a regular one does.
func withOneTry(ctx workflow.Context) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 2 * tryTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// withProvider returns ctx for calls to the payment provider, at most max
// apart. They are repeated until they return a result.
func withProvider(ctx workflow.Context, max time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 2 * providerTimeout,
		RetryPolicy:         retries(providerFirst, max),
	})
}

func retries(first, max time.Duration) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: first, BackoffCoefficient: 2, MaximumInterval: max}
}

// retryable returns err as Temporal has to see it: not retryable when it is
// permanent, with its code as type so that it can be found in the UI.
func retryable(err error) error {
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(order.CodeOf(err)),
		temporal.ApplicationErrorOptions{NonRetryable: order.Permanent(err), Cause: err})
}

// refusal returns err's code when it is an answer of the domain that the
// workflow acts on, and "" for any other error.
func refusal(err error) order.Code {
	switch code := order.CodeOf(err); code {
	case order.CodeSoldOut, order.CodeProductNotFound, order.CodePurchaseLimit, order.CodeConflict:
		return code
	}
	return ""
}
