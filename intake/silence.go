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
// since these first were not, they alone count as silent. Without such a witness,
// as at first, all who waited behind it are refused, also those who want the
// products of live masters, but no others: those who came later are asked about,
// and their answer ends the silence about everything.
//
// A product that another wave was answered about meanwhile is not silent: a
// connection has died, or lost a packet, with this wave alone on it.
type silence struct {
	mu       sync.Mutex
	answered time.Time         // when a wave last was, at least in part
	all      time.Time         // since when no product is answered; zero: some are
	products map[string]missed // by id
	lately   recently
}

// missed is from when to when waves got no answer about a product.
type missed struct{ first, last time.Time }

// heard notes what a wave, begun then, heard by now.
func (s *silence) heard(begun, now time.Time, calls []*call, results []holding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	some, witnessed := false, true
	for i, c := range calls {
		switch id := c.Req.ProductID; {
		case order.CodeOf(results[i].Err) != order.CodeUnavailable:
			some = true
			delete(s.products, id)
			s.lately.note(id, now)
		case !s.lately.last(id).After(begun):
			witnessed = s.answered.After(s.miss(id, begun, now)) && witnessed
		}
	}
	switch {
	case some:
		s.answered, s.all = now, time.Time{}
	case !witnessed:
		s.all = now
	}
	maps.DeleteFunc(s.products, func(_ string, m missed) bool { return now.Sub(m.last) > silenceKept })
}

// miss returns since when the product is not answered. It needs the lock.
func (s *silence) miss(productID string, begun, now time.Time) time.Time {
	if s.products == nil {
		s.products = map[string]missed{}
	}
	m, known := s.products[productID]
	if !known {
		m.first = begun
	}
	m.last = now
	s.products[productID] = m
	return m.first
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
		if now.Sub(came) > staleAfter && (came.Before(s.all) || came.Before(s.products[c.Req.ProductID].last)) {
			c.Fail(order.Errorf(order.CodeUnavailable, "The shop is not reachable right now. Please try again."))
		} else {
			kept = append(kept, c)
		}
	}
	return kept
}

// recentProducts is how many products a generation remembers: more than sell at a
// time. Whoever asks for ones that he made up makes it forget sooner.
const recentProducts = 1024

// recently is when products were last answered, for as long as a wave may take and
// longer. It forgets by generations, at no cost to the waves.
type recently struct {
	young, old map[string]time.Time // by id
	turned     time.Time
}

func (r *recently) note(productID string, now time.Time) {
	if r.young == nil || now.Sub(r.turned) > silenceKept || len(r.young) >= recentProducts {
		r.young, r.old, r.turned = map[string]time.Time{}, r.young, now
	}
	r.young[productID] = now
}

// last is zero for a product that was not answered for long.
func (r *recently) last(productID string) time.Time {
	if at, known := r.young[productID]; known {
		return at
	}
	return r.old[productID]
}
