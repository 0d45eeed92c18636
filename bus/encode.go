package bus

import (
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

// The headers of a record; the last only where the service traces.
const (
	headerType        = "event-type"
	headerVersion     = "event-version"
	headerTraceparent = "traceparent"
)

// event is one of order's, which know their own form.
type event interface{ AppendJSON(b []byte) []byte }

// encode returns the record of one event: keyed by order, so that the events
// of an order stay in sequence within their topic.
func encode(traceparent, topic, eventType string, id uuid.UUID, e event) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: order.AppendID(nil, id), Value: e.AppendJSON(nil), Headers: headers(traceparent, eventType)}
}

func headers(traceparent, eventType string) []kgo.RecordHeader {
	all := []kgo.RecordHeader{
		{Key: headerType, Value: []byte(eventType)},
		{Key: headerVersion, Value: []byte(order.EventVersion)},
	}
	if traceparent != "" {
		all = append(all, kgo.RecordHeader{Key: headerTraceparent, Value: []byte(traceparent)})
	}
	return all
}

// encodedOrder is about what an order's key and two values take, in bytes.
const encodedOrder = 640

// encodeOrders returns both records of every order. All of them share their
// headers, one buffer and one slice, and the two of an order their key:
// nothing is allocated for an order of its own, unless it is traced.
func (b *Bus) encodeOrders(orders []order.Order, traced sends) []*kgo.Record {
	var (
		buf      = slab{make([]byte, 0, encodedOrder*len(orders))}
		all      = make([]kgo.Record, 2*len(orders))
		records  = make([]*kgo.Record, 0, len(all))
		now      = time.Now()
		reserved = kgo.Record{Topic: b.cfg.Topics.Reservations, Headers: headers(traced.untraced, order.ReservationEventType), Timestamp: now}
		created  = kgo.Record{Topic: b.cfg.Topics.Created, Headers: headers(traced.untraced, order.CreatedEventType), Timestamp: now}
	)
	for i, o := range orders {
		key := buf.cut(order.AppendID(buf.bytes, o.ID))
		reserved.Key, reserved.Value = key, buf.cut(o.Reservation().AppendJSON(buf.bytes))
		created.Key, created.Value = key, buf.cut(o.Created().AppendJSON(buf.bytes))
		all[2*i], all[2*i+1] = reserved, created
		if tp := traced.of(i); tp != "" {
			all[2*i].Headers, all[2*i+1].Headers = headers(tp, order.ReservationEventType), headers(tp, order.CreatedEventType)
		}
		records = append(records, &all[2*i], &all[2*i+1])
	}
	return records
}

// slab is a buffer that many slices are cut from.
type slab struct{ bytes []byte }

// cut takes the slab's bytes with something appended, and returns that. Nobody
// who appends to it writes over what is cut next.
func (s *slab) cut(grown []byte) []byte {
	from := len(s.bytes)
	s.bytes = grown
	return grown[from:len(grown):len(grown)]
}
