package sse

import (
	"slices"

	"github.com/google/uuid"

	"order-service/order"
)

// Watch returns a channel with the newest event of one order that the receiver
// has not taken, for a long poll. The channel is closed when events may have
// been lost (Reset) or the hub closes: the receiver looks into the database
// again either way. The returned function ends the watch and may be called more
// than once; it must be called.
func (h *Hub) Watch(id uuid.UUID) (<-chan order.ProgressEvent, func()) {
	ch := make(chan order.ProgressEvent, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(ch)
		return ch, func() {}
	}
	shard := h.shard(orderTopic(id))
	shard.watch(id, ch)
	return ch, func() { shard.unwatch(id, ch) }
}

func (s *shard) watch(id uuid.UUID, ch chan order.ProgressEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers == nil {
		s.watchers = make(map[uuid.UUID][]chan order.ProgressEvent)
	}
	s.watchers[id] = append(s.watchers[id], ch)
}

func (s *shard) unwatch(id uuid.UUID, ch chan order.ProgressEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(s.watchers[id], func(x chan order.ProgressEvent) bool { return x == ch })
	if len(rest) == 0 {
		delete(s.watchers, id)
		return
	}
	s.watchers[id] = rest
}

// notify leaves e, or the newer event that is there already, in the channel of
// every watcher. The shard's lock makes this the only sender, so a channel that
// was just emptied has room.
func (s *shard) notify(e order.ProgressEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.watchers[e.OrderID] {
		newest := e
		select {
		case waiting := <-ch:
			if waiting.Seq > newest.Seq {
				newest = waiting
			}
		default:
		}
		ch <- newest
	}
}

// dismiss ends every watch.
func (s *shard) dismiss() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, channels := range s.watchers {
		for _, ch := range channels {
			close(ch)
		}
	}
	s.watchers = nil
}
