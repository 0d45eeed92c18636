package api

import (
	"time"

	"order-service/order"
)

// Line tells where in the line the orders are whose saga has not been started.
type Line interface {
	// Position is that of an order that was accepted at this time.
	Position(accepted time.Time) (order.Position, bool)
}

// appendPlaced appends v with its place in the line, where it is PENDING and the
// place is known.
func (s *Server) appendPlaced(b []byte, v orderView) (_ []byte, placed bool) {
	b = v.appendJSON(b)
	if v.Status != order.Pending || s.deps.Line == nil {
		return b, false
	}
	place, known := s.deps.Line.Position(order.AcceptedAt(v.OrderID))
	if !known {
		return b, false
	}
	b[len(b)-1] = ','
	return append(place.AppendMembers(b), '}'), true
}
