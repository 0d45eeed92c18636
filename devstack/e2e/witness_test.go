package e2e

import (
	"net/http"
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

func (a heard) overlaps(b heard) bool { return a.begun.Before(b.ended) && b.begun.Before(a.ended) }

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

// pulse is what a service answers that has nothing else to do. When it is late, so
// is everything on the machine.
const (
	pulse      = "GET /livez"
	pulseEvery = 50 * time.Millisecond
	pulseLate  = 300 * time.Millisecond
)

// feel has a service's pulse felt until the function is called. What is asked too
// late was answered too late.
func (w *witness) feel(svc *service) (stop func()) {
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for due := time.Now(); ; due = time.Now().Add(pulseEvery) {
			select {
			case <-ending:
				return
			case <-time.After(time.Until(due)):
			}
			if resp, err := (&http.Client{Timeout: patience}).Get(svc.url + "/livez"); err == nil {
				resp.Body.Close()
			}
			w.note(heard{request: pulse, begun: due, ended: time.Now()})
		}
	}()
	return sync.OnceFunc(func() { close(ending); <-ended })
}

// stalls are the times in which the pulse was late.
func (w *witness) stalls() []heard {
	return w.saw(func(a heard) bool { return a.request == pulse && a.took() > pulseLate })
}

// saw returns the answers that fit, as they came.
func (w *witness) saw(fits func(heard) bool) []heard {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.answers), func(a heard) bool { return !fits(a) })
}
