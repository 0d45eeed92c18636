package batch

import (
	"slices"
	"time"
)

// stuckAfter is the least age at which a batch may count as stuck: well past
// the pauses of a healthy database, well below what a buyer waits.
const stuckAfter = 250 * time.Millisecond

// slowAfter is the least age at which a batch no longer keeps a second server
// from a small one.
const slowAfter = 10 * time.Millisecond

// pace is how fast the queue moves. Its methods need the batcher's lock.
type pace struct {
	maxBatch int
	deadline time.Duration
	budget   time.Duration
	gather   time.Duration
	newest   time.Time     // when the last call came
	gap      time.Duration // between two calls, moving average
	last     int           // calls in the batch that was taken last
	full     time.Time     // when a full batch was last taken; zero when one that was not full came since
	each     time.Duration // time for one call while full batches follow each other, moving average
	batch    time.Duration // time of a batch, moving average
	begun    []time.Time   // of each server's batch; zero while it has none
	well     time.Time     // when a batch last ended that proved that work is done
	cut      time.Time     // when the deadline last cut off one that did not hang alone; zero when one ended well since
}

func newPace(cfg Config) pace {
	return pace{maxBatch: cfg.MaxBatch, deadline: cfg.Deadline, budget: cfg.Budget, gather: cfg.Gather, begun: make([]time.Time, cfg.Servers)}
}

// came notes that a call came. One that comes after a long silence tells no more
// than one after a second: the next ones shall soon be heard.
func (p *pace) came(now time.Time) {
	if p.gather > 0 {
		p.gap, p.newest = weigh(p.gap, min(now.Sub(p.newest), time.Second)), now
	}
}

// often reports whether calls come so often that a batch, for which queued ones
// wait, is worth more when it waits for others: two at least will come.
func (p *pace) often(queued int) bool {
	return p.gather > 0 && p.gap <= p.gather/2 && 0 < queued && queued < p.maxBatch
}

// took notes that a server took n calls. Only a full batch that follows a full
// one tells how fast the queue can move; others tell how many came.
func (p *pace) took(server, n int, now time.Time) {
	p.begun[server], p.last = now, n
	if n < p.maxBatch {
		p.full = time.Time{}
		return
	}
	if !p.full.IsZero() {
		p.each = weigh(p.each, now.Sub(p.full)/time.Duration(n))
	}
	p.full = now
}

// finished notes that a server's batch has ended. One that the deadline has cut
// off says nothing about how long a batch takes, and one of which no call was
// left says nothing at all.
func (p *pace) finished(server, calls int, took time.Duration, proved bool) {
	begun := p.begun[server]
	p.begun[server] = time.Time{}
	switch now := begun.Add(took); {
	case calls == 0:
	case took >= p.deadline:
		p.cutOff(begun, now)
	default:
		if p.batch = weigh(p.batch, took); proved {
			p.well, p.cut = now, time.Time{}
		}
	}
}

// cutOff notes that the deadline has ended a batch. One beside which others ended
// well when it had long been stuck has hung alone, say on a connection that died.
// That others did after it had begun is not enough: of two batches that a silence
// finds under way, the older began before the one that ended well last did end.
func (p *pace) cutOff(begun, now time.Time) {
	if !p.well.After(begun.Add(p.limit())) {
		p.cut = now
	}
}

// weigh is a moving average in which the newest value counts a quarter.
func weigh(average, newest time.Duration) time.Duration {
	if average == 0 {
		return newest
	}
	return average + (newest-average)/4
}

// late reports whether a call that comes now, behind ahead others, would wait
// longer than the budget for its turn. What fits into the next batch is never
// late, however long a batch takes: a slow disk is no queue. Behind servers
// that are all stuck everything is; once one has failed, the next call finds out
// whether the trouble is over.
func (p *pace) late(ahead int, now time.Time) bool {
	if p.budget == 0 {
		return false
	}
	if ahead >= p.maxBatch && time.Duration(ahead)*p.perCall(now) > p.budget {
		return true
	}
	return p.stuck(now)
}

// perCall is how long one call keeps those behind it waiting: as full batches
// have shown, or as the batches under way are about to.
func (p *pace) perCall(now time.Time) time.Duration {
	oldest := max(p.batch, p.oldest(now))
	return max(p.each, oldest/time.Duration(p.maxBatch*len(p.begun)))
}

// stuck reports whether every server has been at its batch for far too long, or
// one has after a batch that was cut off.
func (p *pace) stuck(now time.Time) bool {
	if p.doubtful(now) && slices.ContainsFunc(p.begun, func(t time.Time) bool { return !t.IsZero() }) {
		return true
	}
	limit := p.limit()
	for _, begun := range p.begun {
		if begun.IsZero() || now.Sub(begun) <= limit {
			return false
		}
	}
	return true
}

// limit is the age at which a batch is stuck.
func (p *pace) limit() time.Duration { return max(stuckAfter, 4*p.batch, p.budget) }

// doubtful reports whether the next batch is to find out if the trouble of the
// one before is over. One call is enough for that: all that were cut off together
// come again together, and would wait together for one deadline after the other.
// After one deadline they no longer do, and the doubt ends with the batch that was
// begun in it.
func (p *pace) doubtful(now time.Time) bool {
	if p.cut.IsZero() || p.budget == 0 {
		return false
	}
	end := p.cut.Add(p.deadline)
	return now.Before(end) || slices.ContainsFunc(p.begun, func(t time.Time) bool { return !t.IsZero() && t.Before(end) })
}

// patience is how long a call may have waited to be taken now. Those that came
// behind a batch that was cut off, before it counted as stuck, have waited for
// one deadline and must not wait for another.
func (p *pace) patience(now time.Time) time.Duration {
	if p.doubtful(now) {
		return p.limit()
	}
	return p.deadline
}

// slow reports whether a batch is under way that takes longer than usual, so
// that it is better not to wait for its server.
func (p *pace) slow(now time.Time) bool {
	return p.oldest(now) > p.slowLimit()
}

// slowLimit is the age at which a batch is slow.
func (p *pace) slowLimit() time.Duration { return max(slowAfter, 2*p.batch) }

// untilSlow is how long none of the batches under way is slow yet, and at least
// the least time that is worth a timer.
func (p *pace) untilSlow(now time.Time) time.Duration {
	return max(p.slowLimit()-p.oldest(now), 0) + time.Millisecond
}

// oldest is the age of the batch that is under way for the longest; 0: there is
// none.
func (p *pace) oldest(now time.Time) (age time.Duration) {
	for _, begun := range p.begun {
		if !begun.IsZero() {
			age = max(age, now.Sub(begun))
		}
	}
	return age
}
