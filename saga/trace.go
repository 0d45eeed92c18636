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

	"order-service/order"
	"order-service/tracing"
)

// traced has the SDK's own interceptor carry the trace of an order from the
// start of its workflow to every step, in the headers that Temporal keeps.
//
// Temporal's module for OpenTelemetry would begin a trace wherever there is
// none, give a workflow another span whenever a worker reads its history anew,
// of which none but the last ends, and quote errors. This follows a trace that is
// there, and nothing else.
func traced(t *tracing.Tracer) []interceptor.ClientInterceptor {
	if t == nil {
		return nil
	}
	return []interceptor.ClientInterceptor{interceptor.NewTracingInterceptor(sagaTracer{tracer: t})}
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
type sagaSpan struct{ context.Context }

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
		return sagaSpan{ctx}
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
		return sagaSpan{context.Background()}, nil
	}
	switch o.Operation { // what is begun again whenever a history is read anew
	case "RunWorkflow":
		ctx = tracing.WithSpanID(ctx, o.IdempotencyKey)
	case "HandleUpdate":
		ctx = tracing.WithSpanID(ctx, o.Tags["temporalRunID"]+o.Tags["temporalUpdateID"])
	}
	kind := trace.SpanKindServer
	if o.ToHeader {
		kind = trace.SpanKindClient
	}
	_, span := s.tracer.Start(ctx, o.Operation+" "+o.Name, trace.WithTimestamp(o.Time), trace.WithSpanKind(kind), trace.WithAttributes(about(o.Tags)...))
	// Not the context that Start returns: what is below it would have the span's own id.
	return sagaSpan{trace.ContextWithSpan(context.Background(), span)}, nil
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

// Finish ends the span.
func (s sagaSpan) Finish(o *interceptor.TracerFinishSpanOptions) {
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
