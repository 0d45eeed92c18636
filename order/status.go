package order

import (
	"fmt"
	"slices"
)

// Status is where an order stands. The zero value is not a status.
type Status string

// The six statuses. The last three are final.
const (
	Pending           Status = "PENDING"
	InventoryReserved Status = "INVENTORY_RESERVED"
	PaymentPending    Status = "PAYMENT_PENDING"
	Confirmed         Status = "CONFIRMED"
	Failed            Status = "FAILED"
	Cancelled         Status = "CANCELLED"
)

// Statuses returns every status, in the order of the happy path, then the
// other endings.
func Statuses() []Status {
	return []Status{Pending, InventoryReserved, PaymentPending, Confirmed, Failed, Cancelled}
}

// Reason says why an order FAILED; it is empty for every other status.
type Reason string

// The reasons of a FAILED order.
const (
	OutOfStock         Reason = "OUT_OF_STOCK"
	PurchaseLimit      Reason = "PURCHASE_LIMIT"
	PaymentUnavailable Reason = "PAYMENT_UNAVAILABLE"
	PaymentTimeout     Reason = "PAYMENT_TIMEOUT"
	PaymentDeclined    Reason = "PAYMENT_DECLINED"
)

// ParseStatus returns the status spelled s, or an Error with CodeValidation.
func ParseStatus(s string) (Status, error) {
	if st := Status(s); st.Valid() {
		return st, nil
	}
	return "", Invalid("status", fmt.Sprintf("must be one of %v", Statuses()))
}

// Valid reports whether s is one of the six statuses.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// Final reports whether an order in s never changes again.
func (s Status) Final() bool { return s == Confirmed || s == Failed || s == Cancelled }

// CanBecome reports whether an order may move from s to next. A status never
// becomes itself: a repeated transition is recognised by its writer, not here.
func (s Status) CanBecome(next Status) bool { return slices.Contains(next.Previous(), s) }

// Previous lists the statuses from which s may be reached; a writer uses it as
// the left side of its compare-and-set. PENDING has none: orders begin there.
func (s Status) Previous() []Status {
	switch s {
	case InventoryReserved:
		return []Status{Pending}
	case PaymentPending:
		return []Status{InventoryReserved}
	case Confirmed:
		return []Status{PaymentPending, InventoryReserved} // see MayBecome for the second
	case Failed, Cancelled:
		return []Status{Pending, InventoryReserved, PaymentPending}
	}
	return nil
}

// MayBecome reports whether o may move to next: as its status allows, and past
// the wait for a payment only when there is nothing to pay.
func (o Order) MayBecome(next Status) bool {
	paid := o.Status == PaymentPending || o.Free()
	return o.Status.CanBecome(next) && (next != Confirmed || paid)
}

// Allows reports whether an order may move from s to FAILED for r: stock
// reasons and an unreachable provider end an order before it waits for money,
// a decline or a timeout only while it waits.
func (r Reason) Allows(from Status) bool {
	switch r {
	case PaymentTimeout, PaymentDeclined:
		return from == PaymentPending
	case OutOfStock, PurchaseLimit, PaymentUnavailable:
		return from == Pending || from == InventoryReserved
	}
	return false
}

// Message is the sentence shown to the buyer for a status and, when FAILED,
// its reason.
func Message(s Status, r Reason) string {
	switch s {
	case Pending:
		return "Order reserved successfully. Processing payment..."
	case InventoryReserved:
		return "Stock is reserved for you."
	case PaymentPending:
		return "Waiting for your payment."
	case Confirmed:
		return "Payment received. Your order is confirmed."
	case Cancelled:
		return "The order was cancelled."
	case Failed:
		return failure(r)
	}
	return ""
}

func failure(r Reason) string {
	switch r {
	case OutOfStock:
		return "The product sold out before your order could be reserved."
	case PurchaseLimit:
		return "You already have as many of this product as one buyer may order."
	case PaymentUnavailable:
		return "The payment service could not be reached. You have not been charged."
	case PaymentTimeout:
		return "The payment did not arrive in time. You have not been charged."
	case PaymentDeclined:
		return "The payment was declined. You have not been charged."
	}
	return "The order failed."
}
