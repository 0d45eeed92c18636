package saga

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// Meter takes what the Temporal SDK measures: its requests, its pollers, its
// cache, its tasks. The SDK asks for an instrument whenever it has something to
// say, so an instrument that is asked for again must be the same one.
type Meter interface {
	Counter(name string, labels map[string]string) func(int64)
	Gauge(name string, labels map[string]string) func(float64)
	Timer(name string, labels map[string]string) func(time.Duration)
}

// sdkMeter is a Meter as the SDK's metrics handler.
type sdkMeter struct {
	meter  Meter
	labels map[string]string
}

// WithTags returns a handler with more labels; later ones win.
func (m sdkMeter) WithTags(tags map[string]string) client.MetricsHandler {
	labels := make(map[string]string, len(m.labels)+len(tags))
	maps.Copy(labels, m.labels)
	maps.Copy(labels, tags)
	return sdkMeter{m.meter, labels}
}

type (
	sdkCounter func(int64)
	sdkGauge   func(float64)
	sdkTimer   func(time.Duration)
)

func (m sdkMeter) Counter(name string) client.MetricsCounter {
	return sdkCounter(m.meter.Counter(name, m.labels))
}

func (m sdkMeter) Gauge(name string) client.MetricsGauge {
	return sdkGauge(m.meter.Gauge(name, m.labels))
}

func (m sdkMeter) Timer(name string) client.MetricsTimer {
	return sdkTimer(m.meter.Timer(name, m.labels))
}

func (c sdkCounter) Inc(n int64)          { c(n) }
func (g sdkGauge) Update(v float64)       { g(v) }
func (t sdkTimer) Record(d time.Duration) { t(d) }

// Results of one attempt at a step.
const (
	stepDone    = "done"
	stepRefused = "refused" // the domain said no, and the workflow acts on it
	stepRetried = "retried" // it failed and is tried again
	stepFailed  = "failed"  // it failed for good
)

// stepMeter reports every attempt at an activity.
type stepMeter struct {
	interceptor.WorkerInterceptorBase
	report func(activity, result string, took time.Duration)
}

// InterceptActivity stands in front of every activity of the worker.
func (m *stepMeter) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &stepTimer{interceptor.ActivityInboundInterceptorBase{Next: next}, m.report}
}

type stepTimer struct {
	interceptor.ActivityInboundInterceptorBase
	report func(activity, result string, took time.Duration)
}

// ExecuteActivity runs the activity and reports how it went.
func (t *stepTimer) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	begun := time.Now()
	result, err := t.Next.ExecuteActivity(ctx, in)
	t.report(activity.GetInfo(ctx).ActivityType.Name, stepResult(result, err), time.Since(begun))
	return result, err
}

func stepResult(result any, err error) string {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok && e.NonRetryable() {
		return stepFailed
	}
	if err != nil {
		return stepRetried
	}
	switch r := result.(type) {
	case moved:
		if r.Refusal != "" {
			return stepRefused
		}
	case initiated:
		switch {
		case r.Unavailable:
			return stepRefused
		case r == (initiated{}):
			return stepRetried
		}
	case opened:
		if r.Refusal != "" {
			return stepRefused
		}
	}
	return stepDone
}
