package tracing

import (
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// The attributes of our spans that no convention names. Whatever is said of an
// order in a trace is said by one of these.

// OrderID is the order that a span is about.
func OrderID(id uuid.UUID) attribute.KeyValue { return attribute.String("order.id", id.String()) }

// ProductID is what is bought.
func ProductID(id string) attribute.KeyValue { return attribute.String("order.product_id", id) }

// Quantity is how many units of it.
func Quantity(units int) attribute.KeyValue { return attribute.Int("order.quantity", units) }

// Status is the status that an order has reached.
func Status(status string) attribute.KeyValue { return attribute.String("order.status", status) }

// batchSize is how many orders a batch has, traced or not.
func batchSize(n int) attribute.KeyValue { return attribute.Int("order.batch_size", n) }

// Swept says that a batch was published by a sweeper, not by the process that
// had accepted it.
func Swept(swept bool) attribute.KeyValue { return attribute.Bool("order.swept", swept) }

// Streams is how many streams an event was given to.
func Streams(n int) attribute.KeyValue { return attribute.Int("order.streams", n) }

// Fail says that what the span is about has failed. The reason is a code and
// never an error's text, which may quote what does not belong into a trace.
func Fail(span trace.Span, reason string) {
	span.SetAttributes(attribute.String("error.type", reason))
	span.SetStatus(codes.Error, reason)
}
