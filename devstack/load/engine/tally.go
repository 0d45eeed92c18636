package engine

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Outcome is how a request ended.
type Outcome struct {
	Status int    // HTTP's; 0: the connection broke before the answer
	Code   string // of the problem; "" where there is none
}

// Accepted reports whether the service did what was asked.
func (o Outcome) Accepted() bool { return o.Status >= 200 && o.Status < 400 }

// Tally counts requests by outcome. Its methods may be called while it is
// being written.
type Tally struct {
	mu       sync.RWMutex
	outcomes map[Outcome]*Latency
}

// Latency is how long the requests of one outcome took.
type Latency struct {
	FromDue  Histogram // since the moment the request was due
	FromSend Histogram // since it was written; the same in a closed loop
}

// maxOutcomes bounds what a server can have us remember by making up codes.
const maxOutcomes = 200

// count notes an answer; code may be reused afterwards.
func (t *Tally) count(status int, code []byte, fromDue, fromSend time.Duration) {
	t.mu.RLock()
	l := t.outcomes[Outcome{status, string(code)}]
	t.mu.RUnlock()
	if l == nil {
		l = t.add(Outcome{status, string(code)})
	}
	l.FromDue.Record(fromDue)
	l.FromSend.Record(fromSend)
}

func (t *Tally) add(o Outcome) *Latency {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.outcomes) >= maxOutcomes {
		o.Code = "…"
	}
	if t.outcomes[o] == nil {
		if t.outcomes == nil {
			t.outcomes = map[Outcome]*Latency{}
		}
		t.outcomes[o] = &Latency{}
	}
	return t.outcomes[o]
}

// Outcomes lists those that occurred, by status and code.
func (t *Tally) Outcomes() []Outcome {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(t.outcomes), func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code))
	})
}

// Of adds up the latencies of the outcomes that match.
func (t *Tally) Of(match func(Outcome) bool) *Latency {
	sum := &Latency{}
	for _, o := range t.Outcomes() {
		if match(o) {
			t.mu.RLock()
			l := t.outcomes[o]
			t.mu.RUnlock()
			sum.FromDue.Add(&l.FromDue)
			sum.FromSend.Add(&l.FromSend)
		}
	}
	return sum
}

// Count is how many requests had a matching outcome.
func (t *Tally) Count(match func(Outcome) bool) (n uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for o, l := range t.outcomes {
		if match(o) {
			n += l.FromDue.Count()
		}
	}
	return n
}

// Matches for Of and Count.
var (
	Any      = func(Outcome) bool { return true }
	Accepted = Outcome.Accepted
	Refused  = func(o Outcome) bool { return o.Status >= 400 }
	Answered = func(o Outcome) bool { return o.Status > 0 }
	Broken   = func(o Outcome) bool { return o.Status == 0 }
)
