package store

import "order-service/order"

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
	if m.reason == order.PaymentTimeout {
		if p := g.paid(o); p != nil {
			return order.Change{Paid: *p}, nil
		}
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
