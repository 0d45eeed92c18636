package sse

import (
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// positionEvery is the time between two positions: often enough to see a line
// move, and rare enough that ten thousand who wait cost little.
const positionEvery = 3 * time.Second

// tellPositions sends where the stream's PENDING orders are in the line. The
// caller holds mu.
func (s *Stream) tellPositions(now time.Time) {
	s.nextPosition = now.Add(positionEvery)
	if s.hub.cfg.Position == nil || s.holding || s.writing {
		return
	}
	var data []byte
	for id := range s.seen.pending() {
		if place, known := s.hub.cfg.Position(order.AcceptedAt(id)); known {
			data = appendPosition(data, id, place)
		}
	}
	if data != nil {
		s.enqueue(data)
	}
}

// appendPosition appends an event without an id: it is not one that a client
// could have missed.
func appendPosition(data []byte, id uuid.UUID, place order.Position) []byte {
	data = append(data, `event: position`+"\n"+`data: {"orderId":"`...)
	data = append(order.AppendID(data, id), `",`...)
	return append(place.AppendMembers(data), "}\n\n"...)
}
