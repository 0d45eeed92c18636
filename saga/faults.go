package saga

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"order-service/failpoint"
	"order-service/order"
)

// activityFaults has a failpoint before and after the effect of every activity.
type activityFaults struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity stands in front of every activity of the worker.
func (*activityFaults) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &activityFault{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type activityFault struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity runs the activity between its two failpoints.
func (f *activityFault) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	activity := activity.GetInfo(ctx).ActivityType.Name
	if err := failpoint.Hit(failpoint.ActivityBefore(activity)); err != nil {
		return nil, err
	}
	result, err := f.Next.ExecuteActivity(ctx, in)
	return result, failpoint.After(failpoint.ActivityAfter(activity), err)
}

// movedFaults has a failpoint between a move and its publication.
type movedFaults struct{ Publisher }

// PublishProgress reaches the failpoint of e's status, then publishes.
func (f movedFaults) PublishProgress(ctx context.Context, e order.ProgressEvent) error {
	if err := failpoint.Hit(failpoint.Moved(string(e.Status))); err != nil {
		return err
	}
	return f.Publisher.PublishProgress(ctx, e)
}
