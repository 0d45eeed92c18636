package tracing

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// header is the name of the W3C header.
const header = "traceparent"

// Traceparent is the W3C traceparent of ctx's span, or "" where ctx is not
// traced.
func Traceparent(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		return format(span.TraceID(), span.SpanID(), "01")
	}
	return ""
}

// Header is the traceparent of what leaves the service under ctx. Where ctx is
// not traced its flag says so, with ids that nobody has recorded: a reader that
// was told nothing would decide for itself, which by default is to record all of
// a sale. It is "" where tracing is off.
func (t *Tracer) Header(ctx context.Context) string {
	if t == nil {
		return ""
	}
	if traceparent := Traceparent(ctx); traceparent != "" {
		return traceparent
	}
	traceID, spanID := ids{}.NewIDs(ctx)
	return format(traceID, spanID, "00")
}

func format(traceID trace.TraceID, spanID trace.SpanID, flags string) string {
	return "00-" + traceID.String() + "-" + spanID.String() + "-" + flags
}

// parse returns what a traceparent names, the invalid SpanContext where that is
// nothing.
func parse(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{header: traceparent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

// Parent returns ctx below the span that traceparent names. Where that is not
// traced, nothing below it is.
func Parent(ctx context.Context, traceparent string) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, parse(traceparent))
}

// ID is the id of ctx's trace as it is written, or "".
func ID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// LogHook adds the trace to log lines that have a traced context.
type LogHook struct{}

// Run implements zerolog.Hook.
func (LogHook) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	if id := ID(e.GetCtx()); id != "" {
		e.Str("traceId", id)
	}
}

// WithSpanID returns ctx for a span whose id is made of seed. Whoever begins it
// again after a crash means the same span, and what was below it stays so.
func WithSpanID(ctx context.Context, seed string) context.Context {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(seed)) // never fails
	return context.WithValue(ctx, spanIDKey{}, sum.Sum64())
}

type spanIDKey struct{}

// ids are random, unless WithSpanID has fixed one. Zero is no id.
type ids struct{}

// NewIDs implements the SDK's IDGenerator.
func (i ids) NewIDs(ctx context.Context) (traceID trace.TraceID, spanID trace.SpanID) {
	binary.BigEndian.PutUint64(traceID[:8], rand.Uint64())
	binary.BigEndian.PutUint64(traceID[8:], rand.Uint64()|1)
	return traceID, i.NewSpanID(ctx, traceID)
}

// NewSpanID implements the SDK's IDGenerator.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) (spanID trace.SpanID) {
	id, fixed := ctx.Value(spanIDKey{}).(uint64)
	if !fixed {
		id = rand.Uint64()
	}
	binary.BigEndian.PutUint64(spanID[:], max(id, 1))
	return spanID
}
