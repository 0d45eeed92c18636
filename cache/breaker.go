package cache

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

const (
	failuresToOpen  = 3                      // round trips without an answer: one may have been late
	openFor         = 250 * time.Millisecond // until the next request for such a product is sent to Redis
	breakerProducts = 1024                   // products remembered
	breakerKept     = 10 * time.Second       // after nobody asked for one any more, where there is no room
)

// breaker is a circuit breaker: it remembers which products' master gave no
// answer. A round trip lasts as long as its slowest part: sent along with the
// others, they would have the products of live masters wait for Redis' time limit
// in every wave. While one is away its products are refused from memory, but for a
// request now and then that finds out whether it is back. Nil remembers nothing:
// where all products are on one server there is nobody to spare.
type breaker struct {
	any      atomic.Bool // spares everybody the lock while nothing is remembered
	mu       sync.Mutex
	products map[string]unanswered
}

// unanswered is how often in a row a product was, and until when nobody asks.
type unanswered struct {
	times int
	until time.Time
}

func newBreaker() *breaker { return &breaker{products: map[string]unanswered{}} }

// refuses reports whether a request for the product is not to be sent. Of those
// that are held back, one passes now and then: it is the one to ask.
func (b *breaker) refuses(productID string) bool {
	if b == nil || !b.any.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p, now := b.products[productID], time.Now()
	switch {
	case p.times < failuresToOpen:
		return false
	case now.Before(p.until):
		return true
	}
	p.until = now.Add(openFor)
	b.products[productID] = p
	return false
}

// failed remembers a product that was not answered. Where there is no room, those
// that are held back and asked for keep theirs: anybody can invent products that
// nobody answers for.
func (b *breaker) failed(productID string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p, known := b.products[productID]
	if !known && !b.room() {
		return
	}
	b.products[productID] = unanswered{p.times + 1, time.Now().Add(openFor)}
	b.any.Store(true)
}

// room reports whether one more product can be remembered. It forgets those that
// may have been late once, and those nobody asks for, and needs the lock.
func (b *breaker) room() bool {
	if len(b.products) >= breakerProducts {
		now := time.Now()
		maps.DeleteFunc(b.products, func(_ string, p unanswered) bool {
			return p.times < failuresToOpen || now.Sub(p.until) > breakerKept
		})
	}
	return len(b.products) < breakerProducts
}

// answered is for a product that was answered.
func (b *breaker) answered(productID string) {
	if b == nil || !b.any.Load() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.products, productID)
	b.any.Store(len(b.products) > 0)
}
