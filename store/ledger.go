package store

import (
	"fmt"

	"order-service/order"
)

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

// paid finds the first payment that has come for o and could buy it.
func (g *group) paid(o *entry) (first *order.Payment) {
	for _, p := range g.payments {
		fits := p.OrderID == o.ID && p.State == order.PaymentReceived && p.Money == o.Total()
		if fits && (first == nil || p.ReceivedAt.Before(first.ReceivedAt)) {
			first = p
		}
	}
	return first
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
