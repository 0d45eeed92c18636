package cache

import (
	"sync"
	"time"
)

const (
	soldOutMemory   = 200 * time.Millisecond // longest a refusal may rest on memory
	soldOutProducts = 1024                   // products remembered
)

// soldOut remembers for a moment which products have no free unit, so that the
// crowd at a sold-out sale does not reach Redis at all.
type soldOut struct {
	mu    sync.RWMutex
	until map[string]time.Time
}

func newSoldOut() *soldOut { return &soldOut{until: map[string]time.Time{}} }

// has reports whether the product was without a free unit a moment ago.
func (s *soldOut) has(productID string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	until, ok := s.until[productID]
	return ok && time.Now().Before(until)
}

// note remembers the product if free, a script's reply, says that nobody can
// have a unit: a refusal of three units says nothing about one.
func (s *soldOut) note(productID string, free any) {
	if n, ok := free.(int64); !ok || n > 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.until) >= soldOutProducts {
		clear(s.until)
	}
	s.until[productID] = time.Now().Add(soldOutMemory)
}

// correct forgets the product if free says that there are units again.
func (s *soldOut) correct(productID string, free any) {
	if n, ok := free.(int64); ok && n > 0 {
		s.forget(productID)
	}
}

func (s *soldOut) forget(productID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, productID)
}
