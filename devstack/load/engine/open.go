package engine

import (
	"net"
	"time"
)

const (
	// longestWait is how long a stopped run may go unnoticed between two arrivals.
	longestWait = 20 * time.Millisecond
	// shortestWait is worth waking up for. Where arrivals are closer to each other
	// those that came meanwhile are sent together, and count from when they were
	// due: one timer for each would take a fifth of the tool's time, which is time
	// of the service's where both are on one machine.
	shortestWait = 100 * time.Microsecond
)

// open sends when requests are due, on whichever connection is free.
func (l *loop) open() {
	for _, c := range l.conns {
		l.idle.push(c)
	}
	for _, c := range l.conns {
		l.all.Go(func() { l.answerTo(c) })
	}
	l.keepTime()
	l.finish()
	l.all.Wait()
}

// keepTime waits for each arrival and hands it over.
func (l *loop) keepTime() {
	r := l.run
	clock := newClock()
	defer clock.close()
	var buf []byte
	for n := uint64(0); r.cfg.Requests == 0 || n < r.cfg.Requests; n++ {
		due := r.cfg.Arrivals()
		if due > r.cfg.Duration || !l.sleepUntil(due, clock) {
			return
		}
		l.offered = due
		r.Lag.Record(r.now() - due)
		if to := l.arrive(arrival{n, due}); to != nil {
			buf = r.send(to, n, buf)
		}
	}
}

// sleepUntil reports whether due came before the end of the run.
func (l *loop) sleepUntil(due time.Duration, clock *clock) bool {
	for l.ctx.Err() == nil {
		wait := due - l.run.now()
		if wait <= 0 {
			return true
		}
		clock.wait(min(max(wait, shortestWait), longestWait))
	}
	return false
}

// arrive returns the connection that a was given to, of the free ones that
// which was for longest; nil when a has to wait for one.
func (l *loop) arrive(a arrival) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, free := l.idle.pop()
	if !free {
		l.waiting.push(a)
		return nil
	}
	return c.take(a)
}

// answerTo reads the answers on c. Between two requests it is parked in the
// read as well.
func (l *loop) answerTo(c *conn) {
	defer func() { c.net.Close() }()
	for {
		a, err := c.receive()
		wasBusy := l.release(c)
		switch {
		case err != nil && wasBusy:
			c.countBroken(err)
		case wasBusy:
			c.count(a)
		}
		broken := err != nil || a.close || !wasBusy // what was not asked for is a farewell
		if broken && !l.redial(c) {
			return
		}
		if !l.takeOn(c) {
			return
		}
	}
}

// release ends c's request or its wait for one, and reports which it was.
func (l *loop) release(c *conn) (wasBusy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.busy {
		c.busy = false
		return true
	}
	l.idle.remove(func(other *conn) bool { return other == c })
	return false
}

// takeOn gives c what waits longest, or has it wait itself. It reports false
// when there will be nothing more to do.
func (l *loop) takeOn(c *conn) bool {
	a, some, more := l.next(c)
	if some {
		c.out = l.run.send(c.net, a.n, c.out)
	}
	return more
}

// next takes what waits longest, some, or makes c wait. There is no more when
// the run was stopped, or everything was sent.
func (l *loop) next(c *conn) (a arrival, some, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return a, false, false
	}
	if a, some = l.waiting.pop(); some {
		c.take(a)
		return a, true, true
	}
	if l.done {
		return a, false, false
	}
	l.idle.push(c)
	return a, false, true
}

// finish has the idle connections end at once and the others once the queue is
// empty.
func (l *loop) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
	for c, some := l.idle.pop(); some; c, some = l.idle.pop() {
		c.net.Close()
	}
}
