package order

import (
	"time"

	"github.com/google/uuid"
)

// Event types as they stand in the event-type header, all at EventVersion.
const (
	ReservationEventType = "OrderReservationEvent"
	CreatedEventType     = "OrderCreatedEvent"
	ProgressEventType    = "OrderProgressEvent"
	EventVersion         = "1"
)

// Time is an instant that is written as RFC 3339 UTC with milliseconds, the
// one form of time in events and in the HTTP API.
type Time struct{ time.Time }

// MarshalJSON writes t as RFC 3339 UTC with exactly three fractional digits.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.AppendJSON(make([]byte, 0, len(`"2006-01-02T15:04:05.000Z"`))), nil
}

// ReservationEvent starts an order's saga; its topic is orders.reservations.
type ReservationEvent struct {
	OrderID    uuid.UUID `json:"orderId"`
	UserID     string    `json:"userId"`
	ProductID  string    `json:"productId"`
	Quantity   int       `json:"quantity"`
	UnitPrice  int64     `json:"unitPrice"`
	Amount     int64     `json:"amount"`
	Currency   string    `json:"currency"`
	ReservedAt Time      `json:"reservedAt"`
}

// CreatedEvent tells other services of an accepted order; its topic is
// orders.created.
type CreatedEvent struct {
	OrderID    uuid.UUID `json:"orderId"`
	UserID     string    `json:"userId"`
	ProductID  string    `json:"productId"`
	Quantity   int       `json:"quantity"`
	Amount     int64     `json:"amount"`
	Currency   string    `json:"currency"`
	Status     Status    `json:"status"`
	OccurredAt Time      `json:"occurredAt"`
}

// ProgressEvent is one change of an order's status, in order.progress, over
// SSE and in the history.
type ProgressEvent struct {
	OrderID    uuid.UUID `json:"orderId"`
	UserID     string    `json:"userId"`
	Seq        int64     `json:"seq"`
	Status     Status    `json:"status"`
	Message    string    `json:"message"`
	Reason     Reason    `json:"reason,omitempty"`
	PaymentURL string    `json:"paymentUrl,omitempty"`
	ExpiresAt  Time      `json:"expiresAt,omitzero"`
	OccurredAt Time      `json:"occurredAt"`
}

// Reservation is the event that starts o's saga.
func (o Order) Reservation() ReservationEvent {
	return ReservationEvent{
		OrderID: o.ID, UserID: o.UserID, ProductID: o.ProductID, Quantity: o.Quantity,
		UnitPrice: o.UnitPrice, Amount: o.Amount, Currency: o.Currency, ReservedAt: Time{o.CreatedAt},
	}
}

// Order is the order that the event is of, as it was accepted.
func (e ReservationEvent) Order() Order {
	return Order{
		ID: e.OrderID, UserID: e.UserID, ProductID: e.ProductID, Quantity: e.Quantity,
		UnitPrice: e.UnitPrice, Amount: e.Amount, Currency: e.Currency,
		Status: Pending, Seq: 1, CreatedAt: e.ReservedAt.Time, UpdatedAt: e.ReservedAt.Time,
	}
}

// Created is the event that tells other services of o.
func (o Order) Created() CreatedEvent {
	return CreatedEvent{
		OrderID: o.ID, UserID: o.UserID, ProductID: o.ProductID, Quantity: o.Quantity,
		Amount: o.Amount, Currency: o.Currency, Status: Pending, OccurredAt: Time{o.CreatedAt},
	}
}

// Snapshot is o's present status as a progress event: what a stream that
// joins now is sent first. It has a payment link only while that can be used.
func (o Order) Snapshot() ProgressEvent {
	e := ProgressEvent{
		OrderID: o.ID, UserID: o.UserID, Seq: o.Seq, Status: o.Status,
		Message: o.message(), Reason: o.FailureReason, OccurredAt: Time{o.UpdatedAt},
	}
	if o.Status == PaymentPending {
		e.PaymentURL, e.ExpiresAt = o.PaymentURL, Time{o.ExpiresAt}
	}
	return e
}

func (o Order) message() string {
	if o.Status == Confirmed && o.Free() {
		return "Your order is confirmed." // and no payment received
	}
	return Message(o.Status, o.FailureReason)
}

// First is seq 1 of o's history. It is never stored: every order begins
// PENDING when it is created, so the row says it all.
func (o Order) First() ProgressEvent {
	return ProgressEvent{
		OrderID: o.ID, UserID: o.UserID, Seq: 1, Status: Pending,
		Message: Message(Pending, ""), OccurredAt: Time{o.CreatedAt},
	}
}
