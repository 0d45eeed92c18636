package repair

import (
	"sync"
	"time"
)

// The pauses between two tries at the same thing.
const (
	firstPause   = upkeepEvery / 2 // it is tried again at the next look
	longestPause = time.Hour
	maxPauses    = 10_000 // beyond so many things none more is paused
)

// pauses has what had to be driven on wait longer each time it is found again:
// what cannot be mended is not tried, and told of, every minute. A nil pauses
// pauses nothing.
type pauses struct {
	now  func() time.Time
	mu   sync.Mutex
	next map[string]pause
}

type pause struct {
	length time.Duration
	until  time.Time
}

func newPauses(now func() time.Time) *pauses {
	return &pauses{now: now, next: map[string]pause{}}
}

// unless runs try, unless id's pause is not over. There is a pause when try did
// something or failed, and none any more when there was nothing to do.
func (p *pauses) unless(id string, try func() (did bool, err error)) error {
	if p == nil {
		_, err := try()
		return err
	}
	if !p.over(id) {
		return nil
	}
	did, err := try()
	p.set(id, did || err != nil)
	return err
}

func (p *pauses) over(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.now().Before(p.next[id].until)
}

func (p *pauses) set(id string, longer bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !longer {
		delete(p.next, id)
		return
	}
	p.forget()
	was, known := p.next[id]
	if known || len(p.next) < maxPauses {
		length := min(max(2*was.length, firstPause), longestPause)
		p.next[id] = pause{length, p.now().Add(length)}
	}
}

// forget makes room of what has not been found again long after its pause.
func (p *pauses) forget() {
	if len(p.next) < maxPauses {
		return
	}
	for id, was := range p.next {
		if p.now().Sub(was.until) > longestPause {
			delete(p.next, id)
		}
	}
}
