package tracing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// maxEntered is how many orders a second a process traces at most, whatever the
// ratio. An order makes some 25 spans: a stampede of buyers must drown neither
// the collector nor those who are being served.
const maxEntered = 100

// Enter decides whether the order of a request is traced, and begins its first
// span where it is. The request began at begun and came with the traceparent
// incoming, which may be empty or anything else.
//
// Where orders enter, everybody may come, and say of himself that he is sampled.
// So a request that asks for it continues the trace that it names, but it is
// traced no more often than others: our dice decide, not its trace id, which is
// the client's choice too. Only where the operator says that his own gateway
// writes the header (Config.TrustParent) does the flag decide, up to maxEntered.
// A request that asks not to be sampled never is. Baggage and tracestate are
// ignored: both are text of a stranger that would be carried all the way.
//
// Errors and slow orders get no better chance, since nobody knows yet which they
// are; a collector that keeps them by its tail needs a ratio of 1.
func (t *Tracer) Enter(ctx context.Context, incoming []byte, name string, begun time.Time) (context.Context, trace.Span) {
	if t == nil {
		return ctx, noop.Span{}
	}
	parent, chosen := t.choose(incoming)
	if !chosen {
		return ctx, noop.Span{}
	}
	ctx = context.WithValue(trace.ContextWithRemoteSpanContext(ctx, parent), chosenKey{}, true)
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(begun))
}

// choose rolls the dice first, because most orders lose.
func (t *Tracer) choose(incoming []byte) (parent trace.SpanContext, chosen bool) {
	lucky := rand.Float64() < t.cfg.Ratio
	if !lucky && !t.cfg.TrustParent {
		return parent, false
	}
	parent = parse(string(incoming))
	if parent.IsValid() && !parent.IsSampled() || !parent.IsValid() && !lucky {
		return parent, false
	}
	return parent, t.limit.Allow()
}

// chosenKey marks the context of an order that Enter has chosen.
type chosenKey struct{}

// sampler follows a span's parent; without one it records what Enter has chosen
// and nothing else.
type sampler struct{}

func (sampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if trace.SpanContextFromContext(p.ParentContext).IsSampled() || p.ParentContext.Value(chosenKey{}) != nil {
		return sdk.SamplingResult{Decision: sdk.RecordAndSample}
	}
	return sdk.SamplingResult{Decision: sdk.Drop}
}

func (sampler) Description() string { return fmt.Sprintf("EnteredOrders{%d/s}", maxEntered) }

// Join begins the span of a request that is about an order which is there
// already, whose Traceparent is given. Such a request is traced where its order
// is, whatever it says itself: it came with a signature or with the buyer's
// token, and orders that are traced are few. A caller that goes on with the
// order's trace, such as a provider that was called under it, is the parent; a
// trace of the caller's own is linked.
func (t *Tracer) Join(ctx context.Context, traceparent string, incoming []byte, name string, begun time.Time) (context.Context, trace.Span) {
	if t == nil || traceparent == "" {
		return ctx, noop.Span{}
	}
	parent, caller := parse(traceparent), parse(string(incoming))
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(begun)}
	switch {
	case !caller.IsSampled():
	case caller.TraceID() == parent.TraceID():
		parent = caller
	default:
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	return t.Start(trace.ContextWithRemoteSpanContext(ctx, parent), name, options...)
}
