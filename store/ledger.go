package store

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// reservationState is what became of the units of one order.
type reservationState string

// The reservation states; none is "".
const (
	reserved  reservationState = "RESERVED"
	confirmed reservationState = "CONFIRMED"
	released  reservationState = "RELEASED"
)

// buyer is a user of one product, the owner of a sum of units.
type buyer struct{ productID, userID string }

// group is what a group of moves has locked, changed in memory as each move
// is decided. Everything in it stays locked until it is saved, so that later
// moves of the group may build on earlier ones.
type group struct {
	now      time.Time
	products map[string]*order.Product
	orders   map[uuid.UUID]*entry
	payments map[string]*order.Payment
	units    map[buyer]int64 // reserved or confirmed; read only where there is a limit
	events   []order.ProgressEvent
	applied  []string // payments
}

// entry is one order with its reservation and the events it has had.
type entry struct {
	order.Order
	reservation reservationState
	history     []order.ProgressEvent
	changed     bool
}

// make decides one move and applies it to the group.
func (g *group) make(m move) (order.Change, error) {
	o, ok := g.orders[m.order]
	if !ok {
		return order.Change{}, orderNotFound(m.order)
	}
	if first, ok := o.recorded(m); ok {
		return order.Change{Event: first, Stock: g.stock(o), Order: o.Order}, nil
	}
	if !o.allows(m) {
		return order.Change{}, order.Errorf(order.CodeConflict, "The order is %s.", o.Status)
	}
	if err := g.post(o, m); err != nil {
		return order.Change{}, err
	}
	event := g.record(o, m)
	return order.Change{Event: event, Stock: g.stock(o), Order: o.Order}, nil
}

// recorded finds the event of a move that was made before. A step of an order
// that has ended otherwise since, or a confirmation by another payment, is no
// repetition.
func (o *entry) recorded(m move) (order.ProgressEvent, bool) {
	if o.Status.Final() && o.Status != m.to || m.to == order.Confirmed && o.PaymentID != m.paymentID {
		return order.ProgressEvent{}, false
	}
	for _, e := range o.history {
		if e.Status == m.to {
			return e, true
		}
	}
	return order.ProgressEvent{}, false
}

func (o *entry) allows(m move) bool {
	if m.to == order.Failed && !m.reason.Allows(o.Status) || m.to != order.Failed && m.reason != "" {
		return false
	}
	return o.MayBecome(m.to)
}

// post moves the order's units through the product's ledger, and its payment.
func (g *group) post(o *entry, m move) error {
	switch m.to {
	case order.InventoryReserved:
		return g.reserve(o)
	case order.Confirmed:
		return g.confirm(o, m.paymentID)
	case order.Failed, order.Cancelled:
		return g.release(o)
	}
	return nil // PAYMENT_PENDING moves no units
}

func (g *group) reserve(o *entry) error {
	p, who, quantity := g.products[o.ProductID], buyer{o.ProductID, o.UserID}, int64(o.Quantity)
	switch {
	case o.reservation != "": // a tombstone: the order was ended already
		return order.Errorf(order.CodeConflict, "The order's units were released.")
	case p == nil:
		return order.Errorf(order.CodeSoldOut, "The product is not for sale.")
	case p.PerUserLimit > 0 && g.units[who]+quantity > int64(p.PerUserLimit):
		return order.Errorf(order.CodePurchaseLimit, "One buyer may have %d of this product.", p.PerUserLimit)
	case p.Ledger.Available < quantity:
		return order.Errorf(order.CodeSoldOut, "The product is sold out.")
	}
	p.Ledger.Available -= quantity
	p.Ledger.Reserved += quantity
	p.Version++
	g.units[who] += quantity
	o.reservation = reserved
	return nil
}

func (g *group) confirm(o *entry, paymentID string) error {
	p := g.products[o.ProductID]
	if p == nil || o.reservation != reserved {
		return fmt.Errorf("store: confirm %s: nothing is reserved", o.ID)
	}
	if err := g.apply(o, paymentID); err != nil {
		return err
	}
	p.Ledger.Reserved -= int64(o.Quantity)
	p.Ledger.Confirmed += int64(o.Quantity)
	p.Version++
	o.reservation = confirmed
	return nil
}

// apply takes the payment that buys o. An order that costs nothing needs none.
func (g *group) apply(o *entry, paymentID string) error {
	if paymentID == "" && o.Free() {
		return nil
	}
	p := g.payments[paymentID]
	if p == nil || p.OrderID != o.ID || p.State != order.PaymentReceived {
		return order.Errorf(order.CodeConflict, "Payment %s cannot be applied to the order.", paymentID)
	}
	p.State = order.PaymentApplied
	g.applied = append(g.applied, paymentID)
	return nil
}

func (g *group) release(o *entry) error {
	if o.reservation == "" {
		o.reservation = released
		return nil
	}
	p := g.products[o.ProductID]
	if p == nil || o.reservation != reserved {
		return fmt.Errorf("store: release %s: its reservation is %s", o.ID, o.reservation)
	}
	p.Ledger.Reserved -= int64(o.Quantity)
	p.Ledger.Available += int64(o.Quantity)
	p.Version++
	g.units[buyer{o.ProductID, o.UserID}] -= int64(o.Quantity)
	o.reservation = released
	return nil
}

// record gives o its new status and returns the event of it. An order's time
// never goes back, though its row was written by another machine's clock.
func (g *group) record(o *entry, m move) order.ProgressEvent {
	o.Status, o.FailureReason = m.to, m.reason
	o.Seq++
	if g.now.After(o.UpdatedAt) {
		o.UpdatedAt = g.now
	}
	if m.paymentID != "" {
		o.PaymentID = m.paymentID
	}
	if m.to == order.PaymentPending {
		o.PaymentURL, o.ExpiresAt = m.paymentURL, m.expiresAt
	}
	o.changed = true
	event := o.Snapshot()
	o.history = append(o.history, event)
	g.events = append(g.events, event)
	return event
}

// stock is the ledger as the gate needs it for o's user.
func (g *group) stock(o *entry) order.Stock {
	st := order.Stock{ProductID: o.ProductID, UserID: o.UserID}
	if p := g.products[o.ProductID]; p != nil {
		st.Version, st.Available, st.Limited = p.Version, p.Ledger.Available, p.PerUserLimit > 0
	}
	if st.Limited {
		st.UserUnits = g.units[buyer{o.ProductID, o.UserID}]
	}
	return st
}
