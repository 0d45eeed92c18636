package intake

import (
	"maps"
	"sync"
	"time"

	"order-service/order"
)

// staleAfter is how long a request may have waited behind a wave that Redis
// did not answer and still be asked about: another such wave must not take its
// answer past 50 ms.
const staleAfter = 10 * time.Millisecond

// silenceKept is how long a product's silence is remembered: who came before it
// and still waits then has long missed the 50 ms.
const silenceKept = time.Second

// silence remembers since when the gate is waited for in vain, about everything or
// about single products: in a Cluster those of one master go unanswered while
// others are answered.
//
// A wave of which no call was answered tells of a Redis that is silent for all, so
// it concerns products too that nobody has asked about yet. In a Cluster it may be
// a wave of one silent master's products alone. Where another wave was answered
// while that one waited, they alone count as silent. Without such a witness all
// who waited behind it are refused, also those who want the products of live
// masters, but no others: those who came later are asked about, and their answer
// ends the silence about everything.
type silence struct {
	mu       sync.Mutex
	answered time.Time            // when a wave last was, at least in part
	all      time.Time            // since when no product is answered; zero: some are
	products map[string]time.Time // since when each is not, by id
}

// heard notes what a wave, begun then, heard by now.
func (s *silence) heard(begun, now time.Time, calls []*call, results []holding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	some := false
	for i, c := range calls {
		if order.CodeOf(results[i].Err) == order.CodeUnavailable {
			s.miss(c.Req.ProductID, now)
		} else {
			some = true
			delete(s.products, c.Req.ProductID)
		}
	}
	switch {
	case some:
		s.answered, s.all = now, time.Time{}
	case !s.answered.After(begun):
		s.all = now
	}
	maps.DeleteFunc(s.products, func(_ string, since time.Time) bool { return now.Sub(since) > silenceKept })
}

// miss needs the lock.
func (s *silence) miss(productID string, now time.Time) {
	if s.products == nil {
		s.products = map[string]time.Time{}
	}
	s.products[productID] = now
}

// timely answers what has waited too long behind a wave in which the gate said
// nothing about its product. Those that came later are asked about, however long
// that was ago: one of them finds out that the gate is back.
func (s *silence) timely(calls []*call) []*call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all.IsZero() && len(s.products) == 0 {
		return calls
	}
	kept, now := calls[:0], time.Now()
	for _, c := range calls {
		came := c.Since()
		if now.Sub(came) > staleAfter && (came.Before(s.all) || came.Before(s.products[c.Req.ProductID])) {
			c.Fail(order.Errorf(order.CodeUnavailable, "The shop is not reachable right now. Please try again."))
		} else {
			kept = append(kept, c)
		}
	}
	return kept
}
