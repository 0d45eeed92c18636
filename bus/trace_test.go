package bus

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
	"order-service/tracing"
	"order-service/tracing/tracingtest"
)

const traceID = "0af7651916cd43dd8448eb211c80319c"

func tracedOrder() order.Order {
	o := newOrder()
	o.Traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
	return o
}

// The trace of an order is in its row alone, so a sweeper goes on with it as the
// process that accepted the order would.
func TestATraceGoesFromTheOutboxToTheStreams(t *testing.T) {
	t.Parallel()
	for name, swept := range map[string]bool{"offered": false, "swept": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracer, spans := tracingtest.New(t)
			b, rows := newBus(t, func(cfg *Config) { cfg.Tracer = tracer }), newOutbox()
			events := newSink()
			startTail(t, b, events)
			startConsumer(t, b, newStarter(func(ctx context.Context, ev order.ReservationEvent) error {
				o := newOrder()
				o.ID = ev.OrderID
				return b.PublishProgress(ctx, o.First())
			}), ConsumerConfig{})
			relay := startRelay(t, b, rows, RelayConfig{Pause: 10 * time.Millisecond})
			orders := []order.Order{newOrder(), tracedOrder()}
			if swept {
				rows.commit(orders, 0)
			} else {
				relay.Offer(rows.commit(orders, time.Minute))
			}

			eventually(t, "both events have come and all spans have ended", func() bool { return len(events.all()) == 2 && len(spans.Ended()) >= 4 })
			wantChain(t, spans, "b7ad6b7169203331", "send "+b.cfg.Topics.Reservations, "process "+b.cfg.Topics.Reservations,
				"send "+b.cfg.Topics.Progress, "deliver "+b.cfg.Topics.Progress)
			sent := spans.Named("send " + b.cfg.Topics.Reservations)
			if got := tracingtest.Attribute(sent, "order.swept"); got != strconv.FormatBool(swept) {
				t.Errorf("order.swept is %s", got)
			}
			if n := len(spans.Ended()); n != 4 {
				t.Errorf("%d spans for one traced order of two", n)
			}
		})
	}
}

// wantChain wants each span below the one before it.
func wantChain(t *testing.T, spans tracingtest.Spans, parent string, names ...string) {
	t.Helper()
	for _, name := range names {
		span := spans.Named(name)
		if span == nil {
			t.Fatalf("there is no span %q", name)
		}
		if got := span.Parent().SpanID().String(); got != parent || span.SpanContext().TraceID().String() != traceID {
			t.Errorf("%q is below %s, not below %s of %s", name, got, parent, traceID)
		}
		parent = span.SpanContext().SpanID().String()
	}
}

// Who reads a record of an order that is not traced is told so, and told
// nothing where we do not trace at all.
func TestARecordOfAnUntracedOrderIsNotSampled(t *testing.T) {
	t.Parallel()
	tracer, _ := tracingtest.New(t)
	for name, c := range map[string]struct {
		tracer *tracing.Tracer
		want   string
	}{"on": {tracer, "-00"}, "off": {nil, ""}} {
		b := openBus(t, testConfig(t), func(cfg *Config) { cfg.Tracer = c.tracer })
		orders := []order.Order{newOrder(), tracedOrder(), newOrder()}
		records := b.encodeOrders(orders, b.sendOrders(t.Context(), leased{OutboxBatch: order.OutboxBatch{Orders: orders}}))
		for i, r := range records {
			got, there := header(r, "traceparent")
			traced := c.tracer != nil && i/2 == 1
			if there != (c.tracer != nil) || traced != strings.HasSuffix(got, "-01") || !traced && !strings.HasSuffix(got, c.want) {
				t.Errorf("%s: record %d has traceparent %q", name, i, got)
			}
		}
	}
}

// FuzzRecordHeaders: whoever may write to the topic may write any headers. They
// decide whether a record is of a kind that is known, and which trace it goes on
// with; nothing else.
func FuzzRecordHeaders(f *testing.F) {
	o := tracedOrder()
	known := encode("", "t", order.ReservationEventType, o.ID, o.Reservation())
	f.Add(known.Key, o.Traceparent, order.ReservationEventType, order.EventVersion)
	f.Add([]byte("no uuid"), "00-"+traceID+"-b7ad6b7169203331-00", "", "2")
	f.Add([]byte(nil), "\x00", "\xff", " 1")
	b := &Bus{cfg: Config{Tracer: tracing.New(tracing.Config{Enabled: true, Ratio: 1})}}
	f.Fuzz(func(t *testing.T, key []byte, traceparent, eventType, version string) {
		r := &kgo.Record{Topic: "t", Key: key, Value: known.Value, Headers: []kgo.RecordHeader{
			{Key: headerTraceparent, Value: []byte(traceparent)}, {Key: headerType, Value: []byte(eventType)}, {Key: headerVersion, Value: []byte(version)},
		}}
		ctx, span := b.processReservation(t.Context(), r)
		defer span.End()
		if id := tracing.ID(ctx); span.IsRecording() && id == "" || !strings.Contains(traceparent, id) {
			t.Fatalf("%q is trace %q", traceparent, id)
		}
		ev, err := decodeReservation(r)
		if kind := eventType == order.ReservationEventType && version == order.EventVersion; (err == nil) != kind || kind && ev.OrderID != o.ID {
			t.Fatalf("%q %q is %+v, %v", eventType, version, ev, err)
		}
	})
}
