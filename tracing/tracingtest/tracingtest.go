// Package tracingtest lets tests see the spans that are made.
package tracingtest

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"order-service/tracing"
)

// Spans are those that have ended.
type Spans struct{ *tracetest.SpanRecorder }

// New returns a Tracer that traces every order, and its spans.
func New(t testing.TB) (*tracing.Tracer, Spans) {
	t.Helper()
	spans := Spans{tracetest.NewSpanRecorder()}
	tracer := tracing.New(tracing.Config{Enabled: true, Ratio: 1}, sdk.WithSpanProcessor(spans))
	t.Cleanup(func() { _ = tracer.Close(context.Background()) })
	return tracer, spans
}

// Named returns the first span of that name, or nil.
func (s Spans) Named(name string) sdk.ReadOnlySpan {
	for _, span := range s.Ended() {
		if span.Name() == name {
			return span
		}
	}
	return nil
}

// Attribute is a span's attribute as text, "" where it has none.
func Attribute(span sdk.ReadOnlySpan, key attribute.Key) string {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}
