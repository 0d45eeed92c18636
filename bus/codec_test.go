package bus

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

func TestReservationSurvivesTheWire(t *testing.T) {
	t.Parallel()
	o := newOrder()
	r := encode("", "topic", order.ReservationEventType, o.ID, o.Reservation())
	got, err := decodeReservation(r)
	if err != nil {
		t.Fatal(err)
	}
	if got != o.Reservation() {
		t.Errorf("decoded %+v, encoded %+v", got, o.Reservation())
	}
	if string(r.Key) != o.ID.String() {
		t.Errorf("key %s, order %s", r.Key, o.ID)
	}
}

func TestProgressSurvivesTheWire(t *testing.T) {
	t.Parallel()
	paying := newOrder()
	paying.Status, paying.Seq = order.PaymentPending, 3
	paying.PaymentURL, paying.ExpiresAt = "https://pay.example/1?a=b&c=d", paying.CreatedAt.Add(time.Hour)
	failed := newOrder()
	failed.Status, failed.Seq, failed.FailureReason = order.Failed, 2, order.OutOfStock
	for _, want := range []order.ProgressEvent{newOrder().First(), paying.Snapshot(), failed.Snapshot()} {
		r := encode("", "topic", order.ProgressEventType, want.OrderID, want)
		if got, err := decodeProgress(r); err != nil || got != want {
			t.Errorf("decoded %+v, %v; encoded %+v", got, err, want)
		}
	}
}

func TestHeadersSayWhatARecordIs(t *testing.T) {
	t.Parallel()
	o := newOrder()
	r := encode("", "topic", order.CreatedEventType, o.ID, o.Created())
	if got := headerOf(t, r, "event-type"); got != "OrderCreatedEvent" {
		t.Errorf("event-type %s", got)
	}
	if got := headerOf(t, r, "event-version"); got != "1" {
		t.Errorf("event-version %s", got)
	}
}

func TestTraceparentIsGivenOrNotThereAtAll(t *testing.T) {
	t.Parallel()
	const tp = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	o := newOrder()
	r := encode(tp, "topic", order.CreatedEventType, o.ID, o.Created())
	if got := headerOf(t, r, "traceparent"); got != tp {
		t.Errorf("traceparent %s", got)
	}
	r = encode("", "topic", order.CreatedEventType, o.ID, o.Created())
	if got, invented := header(r, "traceparent"); invented {
		t.Errorf("traceparent %s of no trace", got)
	}
}

// The records of many orders share buffers, which must not show.
func TestOrdersEncodedTogetherAreOrdersEncodedAlone(t *testing.T) {
	t.Parallel()
	b, orders := openBus(t, testConfig(t)), newOrders(50)
	orders[7].UserID = strings.Repeat("long", 10_000) // more than the buffer was made for
	records := b.encodeOrders(orders, sends{})
	for i, o := range orders {
		alone := []*kgo.Record{
			encode("", b.cfg.Topics.Reservations, order.ReservationEventType, o.ID, o.Reservation()),
			encode("", b.cfg.Topics.Created, order.CreatedEventType, o.ID, o.Created()),
		}
		for j, want := range alone {
			got := *records[2*i+j]
			got.Timestamp = want.Timestamp
			if !reflect.DeepEqual(&got, want) {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	}
	if len(records) != 2*len(orders) {
		t.Errorf("%d records", len(records))
	}
}

func TestDecodeToleratesFieldsOfANewerWriter(t *testing.T) {
	t.Parallel()
	want := newOrder().Reservation()
	value := edited(t, want, func(m map[string]any) { m["giftWrap"] = map[string]any{"colour": "red"} })
	got, err := decodeReservation(&kgo.Record{Value: value}) // and no headers: a foreign producer
	if err != nil || got != want {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

func TestDecodeRefusesForGood(t *testing.T) {
	t.Parallel()
	set := func(field string, value any) func(map[string]any) {
		return func(m map[string]any) { m[field] = value }
	}
	reservation := map[string]func(map[string]any){
		"no order":          set("orderId", nil),
		"nil order":         set("orderId", "00000000-0000-0000-0000-000000000000"),
		"order not a UUID":  set("orderId", "42"),
		"no user":           set("userId", ""),
		"product":           set("productId", "a b"),
		"no units":          set("quantity", 0),
		"too many units":    set("quantity", 1001),
		"half a unit":       set("quantity", 1.5),
		"negative price":    set("unitPrice", -1),
		"amount":            set("amount", 1),
		"currency":          set("currency", "euro"),
		"time":              set("reservedAt", "yesterday"),
		"zero time":         set("reservedAt", "0001-01-01T00:00:00.000Z"),
		"year 10000 in UTC": set("reservedAt", "9999-12-31T23:59:59-01:00"),
	}
	for name, edit := range reservation {
		value := edited(t, newOrder().Reservation(), edit)
		if _, err := decodeReservation(&kgo.Record{Value: value}); !order.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	progress := map[string]func(map[string]any){
		"no order":  set("orderId", nil),
		"no user":   set("userId", ""),
		"seq":       set("seq", 0),
		"status":    set("status", "LOST"),
		"expiresAt": set("expiresAt", "1815-12-10T00:00:00Z"),
		"time":      set("occurredAt", nil),
	}
	for name, edit := range progress {
		value := edited(t, newOrder().First(), edit)
		if _, err := decodeProgress(&kgo.Record{Value: value}); !order.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeRefusesRecordsThatAreNotTheEvent(t *testing.T) {
	t.Parallel()
	valid := edited(t, newOrder().Reservation(), func(map[string]any) {})
	for name, r := range map[string]*kgo.Record{
		"other type":    {Value: valid, Headers: []kgo.RecordHeader{{Key: "event-type", Value: []byte("OrderCreatedEvent")}}},
		"other version": {Value: valid, Headers: []kgo.RecordHeader{{Key: "event-version", Value: []byte("2")}}},
		"tombstone":     {},
		"null":          {Value: []byte("null")},
		"not JSON":      {Value: []byte("hello")},
		"two values":    {Value: append(bytes.Clone(valid), valid...)},
		"too large":     {Value: append(bytes.Clone(valid), bytes.Repeat([]byte(" "), maxEvent)...)},
	} {
		if _, err := decodeReservation(r); !order.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecodeReservation: decoding never panics, and what was decoded survives
// being encoded again.
func FuzzDecodeReservation(f *testing.F) {
	seed, _ := json.Marshal(newOrder().Reservation())
	f.Add(seed)
	f.Add([]byte(`{"orderId":null}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		ev, err := decodeReservation(&kgo.Record{Value: value})
		if err != nil {
			return
		}
		ev.ReservedAt = wireTime(ev.ReservedAt)
		r := encode("", "topic", order.ReservationEventType, ev.OrderID, ev)
		if again, err := decodeReservation(r); err != nil || again != ev {
			t.Fatalf("%+v became %+v, %v", ev, again, err)
		}
	})
}

// FuzzDecodeProgress is FuzzDecodeReservation for progress events.
func FuzzDecodeProgress(f *testing.F) {
	o := newOrder()
	o.Status, o.PaymentURL, o.ExpiresAt = order.PaymentPending, "https://pay.example", o.CreatedAt
	seed, _ := json.Marshal(o.Snapshot())
	f.Add(seed)
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, value []byte) {
		ev, err := decodeProgress(&kgo.Record{Value: value})
		if err != nil {
			return
		}
		ev.OccurredAt, ev.ExpiresAt = wireTime(ev.OccurredAt), wireTime(ev.ExpiresAt)
		r := encode("", "topic", order.ProgressEventType, ev.OrderID, ev)
		if again, err := decodeProgress(r); err != nil || again != ev {
			t.Fatalf("%+v became %+v, %v", ev, again, err)
		}
	})
}

// wireTime is what the wire keeps of a time: UTC and whole milliseconds.
func wireTime(t order.Time) order.Time {
	if t.IsZero() {
		return order.Time{}
	}
	return order.Time{Time: t.UTC().Truncate(time.Millisecond)}
}

// edited returns event as JSON after a change to its fields.
func edited(t *testing.T, event any, edit func(map[string]any)) []byte {
	t.Helper()
	value, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(value, &fields); err != nil {
		t.Fatal(err)
	}
	edit(fields)
	value, err = json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
