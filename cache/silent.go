package cache

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

const (
	silentAfter    = 3                      // round trips without an answer: one may have been late
	silentFor      = 250 * time.Millisecond // until the next request for such a product is sent to Redis
	silentProducts = 1024                   // products remembered
	silentKept     = 10 * time.Second       // after nobody asked for one any more, where there is no room
)

// silent remembers which products' master gave no answer. A round trip lasts as
// long as its slowest part: sent along with the others, they would have the
// products of live masters wait for Redis' time limit in every wave. While one
// is away its products are refused from memory, but for a request now and then
// that finds out whether it is back. Nil remembers nothing: where all products
// are on one server there is nobody to spare.
type silent struct {
	any      atomic.Bool // spares everybody the lock while nothing is remembered
	mu       sync.Mutex
	products map[string]unanswered
}

// unanswered is how often in a row a product was, and until when nobody asks.
type unanswered struct {
	times int
	until time.Time
}

func newSilent() *silent { return &silent{products: map[string]unanswered{}} }

// refuses reports whether a request for the product is not to be sent. Of those
// that are held back, one passes now and then: it is the one to ask.
func (s *silent) refuses(productID string) bool {
	if s == nil || !s.any.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, now := s.products[productID], time.Now()
	switch {
	case p.times < silentAfter:
		return false
	case now.Before(p.until):
		return true
	}
	p.until = now.Add(silentFor)
	s.products[productID] = p
	return false
}

// note remembers a product that was not answered. Where there is no room, those
// that are held back and asked for keep theirs: anybody can invent products that
// nobody answers for.
func (s *silent) note(productID string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.products[productID]
	if !known && !s.room() {
		return
	}
	s.products[productID] = unanswered{p.times + 1, time.Now().Add(silentFor)}
	s.any.Store(true)
}

// room reports whether one more product can be remembered. It forgets those that
// may have been late once, and those nobody asks for, and needs the lock.
func (s *silent) room() bool {
	if len(s.products) >= silentProducts {
		now := time.Now()
		maps.DeleteFunc(s.products, func(_ string, p unanswered) bool {
			return p.times < silentAfter || now.Sub(p.until) > silentKept
		})
	}
	return len(s.products) < silentProducts
}

// forget is for a product that was answered.
func (s *silent) forget(productID string) {
	if s == nil || !s.any.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.products, productID)
	s.any.Store(len(s.products) > 0)
}
