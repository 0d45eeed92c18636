package bus

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

// maxEvent bounds an event in bytes. Ours are below 2 KiB; the bound keeps a
// stray record from being parsed at length.
const maxEvent = 64 << 10

// decodeReservation reads a record of orders.reservations. Its errors are
// order.Permanent: the record will never be readable. Fields it does not know
// are left alone, so that a newer writer can add some.
func decodeReservation(r *kgo.Record) (order.ReservationEvent, error) {
	var ev order.ReservationEvent
	if err := decode(r, order.ReservationEventType, &ev); err != nil {
		return order.ReservationEvent{}, err
	}
	if err := validReservation(ev); err != nil {
		return order.ReservationEvent{}, err
	}
	return ev, nil
}

// decodeProgress reads a record of order.progress, as decodeReservation does.
func decodeProgress(r *kgo.Record) (order.ProgressEvent, error) {
	var ev order.ProgressEvent
	if err := decode(r, order.ProgressEventType, &ev); err != nil {
		return order.ProgressEvent{}, err
	}
	if err := validProgress(ev); err != nil {
		return order.ProgressEvent{}, err
	}
	return ev, nil
}

// decode checks the headers that are there and parses the value into ev.
func decode(r *kgo.Record, eventType string, ev any) error {
	if got, ok := header(r, headerType); ok && got != eventType {
		return order.Invalid(headerType, fmt.Sprintf("is %.40q, not %s", got, eventType))
	}
	if got, ok := header(r, headerVersion); ok && got != order.EventVersion {
		return order.Invalid(headerVersion, fmt.Sprintf("is %.40q, not %s", got, order.EventVersion))
	}
	if len(r.Value) > maxEvent {
		return order.Invalid("value", fmt.Sprintf("has %d bytes, more than %d", len(r.Value), maxEvent))
	}
	if err := json.Unmarshal(r.Value, ev); err != nil {
		return order.Wrap(err, order.CodeMalformedJSON, "The event is not valid JSON.")
	}
	return nil
}

func validReservation(ev order.ReservationEvent) error {
	total, err := order.Money{Amount: ev.UnitPrice, Currency: ev.Currency}.Times(ev.Quantity)
	switch {
	case ev.OrderID == uuid.Nil:
		return order.Invalid("orderId", "is missing")
	case ev.UserID == "":
		return order.Invalid("userId", "is missing")
	case !order.ValidProductID(ev.ProductID):
		return order.Invalid("productId", "is not a product id")
	case ev.Quantity < 1 || ev.Quantity > order.MaxQuantity:
		return order.Invalid("quantity", "must be from 1 to 1000")
	case err != nil || total.Amount != ev.Amount:
		return order.Invalid("amount", "is not unitPrice × quantity")
	case !order.ValidCurrency(ev.Currency):
		return order.Invalid("currency", "must be an ISO 4217 code")
	case !order.ValidTime(ev.ReservedAt.Time):
		return order.Invalid("reservedAt", "is not a time of this age")
	}
	return nil
}

func validProgress(ev order.ProgressEvent) error {
	switch {
	case ev.OrderID == uuid.Nil:
		return order.Invalid("orderId", "is missing")
	case ev.UserID == "":
		return order.Invalid("userId", "is missing")
	case ev.Seq < 1:
		return order.Invalid("seq", "must be at least 1")
	case !ev.Status.Valid():
		return order.Invalid("status", "is not a status")
	case !ev.ExpiresAt.IsZero() && !order.ValidTime(ev.ExpiresAt.Time):
		return order.Invalid("expiresAt", "is not a time of this age")
	case !order.ValidTime(ev.OccurredAt.Time):
		return order.Invalid("occurredAt", "is not a time of this age")
	}
	return nil
}

// header returns the first header named key. An event has a handful, so a
// search costs less than a map.
func header(r *kgo.Record, key string) (string, bool) {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value), true
		}
	}
	return "", false
}
