package saga

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"order-service/order"
	"order-service/tracing"
)

// traced has the SDK's own interceptor carry the trace of an order from the
// start of its workflow to every step, in the headers that Temporal keeps.
//
// Temporal's module for OpenTelemetry would begin a trace wherever there is
// none, give a workflow another span whenever a worker reads its history anew,
// and quote errors. This follows a trace that is there, and nothing else.
func traced(t *tracing.Tracer) []interceptor.ClientInterceptor {
	if t == nil {
		return nil
	}
	return []interceptor.ClientInterceptor{sagaInterceptor{interceptor.NewTracingInterceptor(sagaTracer{tracer: t})}}
}

// sagaInterceptor lets the spans of a workflow and its updates end only when
// these have come to their own end, and not in a replay. The SDK ends them in
// deferred calls, which also run when the workflow is put out of a worker's
// memory: the span would be told of whenever that happens, and once more when
// the history is read anew.
type sagaInterceptor struct{ interceptor.Interceptor }

// InterceptWorkflow puts a finisher below the interceptor that begins the spans.
func (i sagaInterceptor) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return i.Interceptor.InterceptWorkflow(ctx, &finisher{interceptor.WorkflowInboundInterceptorBase{Next: next}})
}

type finisher struct {
	interceptor.WorkflowInboundInterceptorBase
}

// ExecuteWorkflow runs the workflow.
func (f *finisher) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	result, err := f.Next.ExecuteWorkflow(ctx, in)
	markFinished(ctx)
	return result, err
}

// ExecuteUpdate runs the update's handler.
func (f *finisher) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	result, err := f.Next.ExecuteUpdate(ctx, in)
	markFinished(ctx)
	return result, err
}

func markFinished(ctx workflow.Context) {
	if span, ok := ctx.Value(sagaSpanKey{}).(sagaSpan); ok && span.finished != nil {
		*span.finished = !workflow.IsReplaying(ctx)
	}
}

type sagaTracer struct {
	interceptor.BaseTracer
	tracer *tracing.Tracer
}

type sagaSpanKey struct{}

// spanHeader is the header's field, as all of Temporal's SDKs name it.
const spanHeader = "_tracer-data"

func (sagaTracer) Options() interceptor.TracerOptions {
	return interceptor.TracerOptions{SpanContextKey: sagaSpanKey{}, HeaderKey: spanHeader, DisableQueryTracing: true, AllowInvalidParentSpans: true}
}

// sagaSpan is what the interceptor begins, ends and hands on. Where an order is
// not traced it has no span.
type sagaSpan struct {
	context.Context
	finished *bool // of what may be put out of memory before it has; else nil
}

// parentSpan is what a header said.
type parentSpan string

func (sagaTracer) UnmarshalSpan(header map[string]string) (interceptor.TracerSpanRef, error) {
	if traceparent := header["traceparent"]; traceparent != "" {
		return parentSpan(traceparent), nil
	}
	return nil, nil
}

func (sagaTracer) MarshalSpan(span interceptor.TracerSpan) (map[string]string, error) {
	if traceparent := tracing.Traceparent(span.(sagaSpan)); traceparent != "" {
		return map[string]string{"traceparent": traceparent}, nil
	}
	return nil, nil
}

func (sagaTracer) SpanFromContext(ctx context.Context) interceptor.TracerSpan {
	if trace.SpanContextFromContext(ctx).IsSampled() {
		return sagaSpan{Context: ctx}
	}
	return nil
}

func (sagaTracer) ContextWithSpan(ctx context.Context, span interceptor.TracerSpan) context.Context {
	return trace.ContextWithSpan(ctx, trace.SpanFromContext(span.(sagaSpan)))
}

// StartSpan begins a span below a parent that is traced.
func (s sagaTracer) StartSpan(o *interceptor.TracerStartSpanOptions) (interceptor.TracerSpan, error) {
	ctx := parentContext(o.Parent)
	if o.Operation == "ValidateUpdate" || !trace.SpanContextFromContext(ctx).IsSampled() { // no update is validated
		return sagaSpan{Context: context.Background()}, nil
	}
	var finished *bool
	switch o.Operation { // what is begun again whenever a history is read anew
	case "RunWorkflow": // not by IdempotencyKey, which counts signals unless they are replayed
		ctx, finished = tracing.WithSpanID(ctx, o.Tags["temporalRunID"]), new(bool)
	case "HandleUpdate":
		ctx, finished = tracing.WithSpanID(ctx, o.Tags["temporalRunID"]+o.Tags["temporalUpdateID"]), new(bool)
	}
	kind := trace.SpanKindServer
	if o.ToHeader {
		kind = trace.SpanKindClient
	}
	_, span := s.tracer.Start(ctx, o.Operation+" "+o.Name, trace.WithTimestamp(o.Time), trace.WithSpanKind(kind), trace.WithAttributes(about(o.Tags)...))
	// Not the context that Start returns: what is below it would have the span's own id.
	return sagaSpan{trace.ContextWithSpan(context.Background(), span), finished}, nil
}

func parentContext(parent interceptor.TracerSpanRef) context.Context {
	switch parent := parent.(type) {
	case sagaSpan:
		return parent.Context
	case parentSpan:
		return tracing.Parent(context.Background(), string(parent))
	}
	return context.Background()
}

// about is what a span says of the workflow that it belongs to. The id of a
// refund's workflow is a payment's, and says nothing of the order.
func about(tags map[string]string) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, len(tags))
	if id, ok := strings.CutPrefix(tags["temporalWorkflowID"], orderWorkflowPrefix); ok {
		attributes = append(attributes, attribute.String("order.id", id))
	}
	if run := tags["temporalRunID"]; run != "" {
		attributes = append(attributes, attribute.String("temporal.run_id", run))
	}
	return attributes
}

// Finish ends the span, unless what it is about goes on elsewhere or was told
// of before.
func (s sagaSpan) Finish(o *interceptor.TracerFinishSpanOptions) {
	if s.finished != nil && !*s.finished {
		return
	}
	endSpan(trace.SpanFromContext(s.Context), o.Error)
}

func endSpan(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		tracing.Fail(span, errorType(err))
	}
	span.End()
}

// errorType is the code of a step's error, as Temporal has it too, or the kind
// of any other.
func errorType(err error) string {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return e.Type()
	}
	if e, ok := errors.AsType[*order.Error](err); ok {
		return string(e.Code)
	}
	return fmt.Sprintf("%T", err)
}
