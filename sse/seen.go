package sse

import (
	"iter"

	"github.com/google/uuid"
)

// seenOrders is how many orders one generation of seen remembers.
const seenOrders = 256

// seen remembers the last seq sent for each order. A user's stream may live
// through any number of orders, so it keeps two bounded generations; forgetting
// an old order costs at most a repeated event, never a missed one.
type seen struct {
	recent, older map[uuid.UUID]int64
}

// advance records seq for id and reports whether it is news.
func (s *seen) advance(id uuid.UUID, seq int64) bool {
	if seq <= max(s.recent[id], s.older[id]) {
		return false
	}
	if s.recent == nil || len(s.recent) >= seenOrders {
		s.older, s.recent = s.recent, make(map[uuid.UUID]int64, 1)
	}
	s.recent[id] = seq
	return true
}

// pending are the orders of which the client has seen no more than that they
// are PENDING.
func (s *seen) pending() iter.Seq[uuid.UUID] {
	return func(yield func(uuid.UUID) bool) {
		for id, seq := range s.recent {
			if seq == 1 && !yield(id) {
				return
			}
		}
	}
}
