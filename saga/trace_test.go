package saga

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"order-service/tracing"
	"order-service/tracing/tracingtest"
)

// traceparent is what the client who had started the workflow was in.
const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// A workflow whose history is read anew goes through all that it did before:
// those spans were told of once. It ends at last, or is put out of memory again,
// which runs its deferred calls as well.
func TestAReplayedHistoryMakesNoSpans(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"confirmed", "confirmed-by-signal", "outage", "paid-while-release-fails", "refund"} {
		whole := tracedHistory(t, name)
		for upTo := 4; upTo <= len(whole.Events); upTo++ {
			if !betweenTasks(whole.Events, upTo) {
				continue
			}
			tracer, spans := tracingtest.New(t)
			replay(t, tracer, &historypb.History{Events: whole.Events[:upTo]})
			for _, span := range spans.Ended() {
				t.Errorf("%s, %d of %d events: %s is told of again", name, upTo, len(whole.Events), span.Name())
			}
			if begun := spans.Started(); len(begun) == 0 || begun[0].Parent().SpanID().String() != traceparent[36:52] {
				t.Errorf("%s: the trace is not gone on with", name)
			}
		}
	}
}

// The span of a workflow is the same whoever reads its history: what is done
// after it was read anew is below it, too.
func TestAReplayedWorkflowHasTheSpanThatItHad(t *testing.T) {
	t.Parallel()
	var ids []string
	for range 2 {
		tracer, spans := tracingtest.New(t)
		replay(t, tracer, tracedHistory(t, "confirmed"))
		ids = append(ids, spans.Started()[0].SpanContext().SpanID().String())
	}
	if ids[0] != ids[1] {
		t.Errorf("its spans are %v", ids)
	}
}

// A signal that comes before the first task is numbered before the workflow, and
// in a replay it is not numbered at all.
func TestTheSpanOfAWorkflowIsThatOfItsRun(t *testing.T) {
	t.Parallel()
	tracer, _ := tracingtest.New(t)
	begin := func(run, key string) string {
		span, err := sagaTracer{tracer: tracer}.StartSpan(&interceptor.TracerStartSpanOptions{
			Parent: parentSpan(traceparent), Operation: "RunWorkflow", Name: "OrderWorkflow", IdempotencyKey: key,
			Tags: map[string]string{"temporalRunID": run},
		})
		if err != nil {
			t.Fatal(err)
		}
		return tracing.Traceparent(span.(sagaSpan))
	}
	if begin("a", "2") != begin("a", "1") || begin("a", "1") == begin("b", "1") {
		t.Error("the span of a run depends on what came before")
	}
}

// betweenTasks reports whether a worker may have had the first n events: the
// last is what a task of the workflow had led to.
func betweenTasks(events []*historypb.HistoryEvent, n int) bool {
	if n == len(events) {
		return true
	}
	last, next := events[n-1].EventType, events[n].EventType
	return next == enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED && last != enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
}

// tracedHistory is a recorded history as if its callers had been traced.
func tracedHistory(t *testing.T, name string) *historypb.History {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "histories", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	history, err := client.HistoryFromJSON(file, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	header, err := converter.GetDefaultDataConverter().ToPayload(map[string]string{"traceparent": traceparent})
	if err != nil {
		t.Fatal(err)
	}
	traced := &commonpb.Header{Fields: map[string]*commonpb.Payload{spanHeader: header}}
	for _, e := range history.Events {
		if started := e.GetWorkflowExecutionStartedEventAttributes(); started != nil {
			started.Header = traced
		}
		if signaled := e.GetWorkflowExecutionSignaledEventAttributes(); signaled != nil {
			signaled.Header = traced
		}
		if updated := e.GetWorkflowExecutionUpdateAcceptedEventAttributes(); updated != nil {
			updated.AcceptedRequest.Input.Header = traced
		}
	}
	return history
}

// replay returns when the workflow has returned, or is out of memory.
func replay(t *testing.T, tracer *tracing.Tracer, history *historypb.History) {
	t.Helper()
	out := &leaving{left: make(chan struct{})}
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		Interceptors: []interceptor.WorkerInterceptor{out, traced(tracer)[0].(interceptor.WorkerInterceptor)},
	})
	if err != nil {
		t.Fatal(err)
	}
	replayer.RegisterWorkflow(OrderWorkflow)
	replayer.RegisterWorkflow(RefundWorkflow)
	if err := replayer.ReplayWorkflowHistory(logger{zerolog.Nop()}, history); err != nil {
		t.Error(err)
	}
	select {
	case <-out.left:
	case <-time.After(patience):
		t.Fatal("the workflow is still there")
	}
}

// leaving stands before the interceptor that traces, and so sees a workflow's
// deferred calls when that has seen them.
type leaving struct {
	interceptor.WorkerInterceptorBase
	interceptor.WorkflowInboundInterceptorBase
	left chan struct{}
}

func (l *leaving) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	l.Next = next
	return l
}

func (l *leaving) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	defer close(l.left)
	return l.Next.ExecuteWorkflow(ctx, in)
}
