package bus

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"order-service/order"
	"order-service/tracing"
)

// message describes the span of what is done with an order's record.
func message(kind trace.SpanKind, operation, topic string, id uuid.UUID, about attribute.KeyValue) []trace.SpanStartOption {
	return []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.destination.name", topic),
		attribute.String("messaging.operation.type", operation),
		tracing.OrderID(id), about,
	)}
}

// sendOrder begins the span of both records of a traced order. It lasts until
// the brokers have acknowledged the batch that they are in.
func (b *Bus) sendOrder(ctx context.Context, o order.Order, swept bool) (context.Context, trace.Span) {
	topic := b.cfg.Topics.Reservations
	return b.cfg.Tracer.Continue(ctx, o.Traceparent, "send "+topic,
		message(trace.SpanKindProducer, "send", topic, o.ID, tracing.Swept(swept))...)
}

// sendProgress begins the span of ev's record, where ctx is traced.
func (b *Bus) sendProgress(ctx context.Context, ev order.ProgressEvent) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, noop.Span{}
	}
	topic := b.cfg.Topics.Progress
	return b.cfg.Tracer.Start(ctx, "send "+topic,
		message(trace.SpanKindProducer, "send", topic, ev.OrderID, tracing.Status(string(ev.Status)))...)
}

// processReservation begins the span of the start of the saga that r asks for.
func (b *Bus) processReservation(ctx context.Context, r *kgo.Record) (context.Context, trace.Span) {
	if b.cfg.Tracer == nil {
		return ctx, noop.Span{}
	}
	traceparent, _ := header(r, headerTraceparent)
	id, _ := uuid.ParseBytes(r.Key)
	return b.cfg.Tracer.Continue(ctx, traceparent, "process "+r.Topic,
		message(trace.SpanKindConsumer, "process", r.Topic, id, attribute.Int64("messaging.kafka.offset", r.Offset))...)
}

// delivered notes that ev, of the record r, was given to streams. A process
// without a stream of the order has nothing to tell.
func (b *Bus) delivered(r *kgo.Record, ev order.ProgressEvent, begun time.Time, streams int) {
	if b.cfg.Tracer == nil || streams == 0 {
		return
	}
	traceparent, _ := header(r, headerTraceparent)
	about := message(trace.SpanKindConsumer, "process", r.Topic, ev.OrderID, tracing.Status(string(ev.Status)))
	_, span := b.cfg.Tracer.Continue(context.Background(), traceparent, "deliver "+r.Topic,
		append(about, trace.WithTimestamp(begun), trace.WithAttributes(tracing.Streams(streams)))...)
	span.End()
}

// sends are the spans of the traced orders of a batch. The zero value has none.
type sends struct {
	spans        []trace.Span
	traceparents []string // of each order's records; nil where no order is traced
	untraced     string   // of the records of all others
}

func (b *Bus) sendOrders(ctx context.Context, batch leased) (s sends) {
	if b.cfg.Tracer == nil {
		return s
	}
	s.untraced = b.cfg.Tracer.Header(ctx)
	for i, o := range batch.Orders {
		if o.Traceparent == "" {
			continue
		}
		if s.traceparents == nil {
			s.traceparents = make([]string, len(batch.Orders))
		}
		ctx, span := b.sendOrder(ctx, o, batch.swept)
		s.spans, s.traceparents[i] = append(s.spans, span), tracing.Traceparent(ctx)
	}
	return s
}

// of is the traceparent of the records of order i where it has one of its own.
func (s sends) of(i int) string {
	if s.traceparents == nil {
		return ""
	}
	return s.traceparents[i]
}

func (s sends) end(err error) {
	for _, span := range s.spans {
		end(span, err)
	}
}

// end ends span, as failed where there is an error.
func end(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		tracing.Fail(span, string(order.CodeOf(err)))
	}
	span.End()
}
