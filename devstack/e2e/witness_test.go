package e2e

import (
	"slices"
	"sync"
	"time"
)

// heard is what one request was told, and when.
type heard struct {
	request      string // method and path
	begun, ended time.Time
	status       int
}

func (a heard) took() time.Duration { return a.ended.Sub(a.begun) }

// witness keeps what the buyers of a shop are told. Nil keeps nothing.
type witness struct {
	mu      sync.Mutex
	answers []heard
}

func (w *witness) note(a heard) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = append(w.answers, a)
}

// saw returns the answers that fit, as they came.
func (w *witness) saw(fits func(heard) bool) []heard {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.answers), func(a heard) bool { return !fits(a) })
}
