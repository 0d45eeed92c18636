package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config is what is sent, where and how.
type Config struct {
	Address     string      // host:port
	TLS         *tls.Config // nil: plain HTTP
	Connections int         // the most that are open at once

	// Write appends the n-th request of the run, from 0. Many goroutines call it.
	Write func(n uint64, buf []byte) []byte
	// Read is told the answer to the n-th request; nil: nobody needs it. Many
	// goroutines call it, and may keep nothing of the answer.
	Read func(n uint64, a Answer)

	Arrivals Arrivals      // when requests are due; nil: a closed loop
	Duration time.Duration // nothing is sent later than this
	Requests uint64        // at most; 0: as many as Duration allows
	Patience time.Duration // how long answers are waited for after the last request; 0: 10 s
}

// Run is one measurement. Its Tally and Lag may be read while it is under way.
type Run struct {
	Tally Tally
	Lag   Histogram // how late the tool looked at an arrival; empty in a closed loop

	cfg   Config
	begun time.Time
	sent  atomic.Uint64
}

// Result is how a run went.
type Result struct {
	Sent    uint64        // requests
	Unsent  uint64        // that were due, but for which no connection became free
	Offered time.Duration // from the beginning until the last request was due
	Elapsed time.Duration // from the beginning to the last answer
	Dialled uint64        // connections, with those that were opened anew
}

const (
	defaultPatience = 10 * time.Second
	grace           = time.Second            // for answers under way when a run is stopped
	calm            = 100 * time.Millisecond // after the connections were opened, which shakes both sides
	dialTimeout     = 5 * time.Second
	dialPause       = 20 * time.Millisecond
	dialsAtOnce     = 64
	maxAnswer       = 1 << 20 // bytes
)

// New returns a run that has not begun.
func New(cfg Config) *Run {
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	return &Run{cfg: cfg}
}

// Do sends until the run's bounds are reached or ctx ends, and waits for the
// answers. The error says why it could not begin.
func (r *Run) Do(ctx context.Context) (Result, error) {
	l := &loop{run: r, ctx: ctx}
	if err := l.dialAll(); err != nil {
		return Result{}, err
	}
	runtime.GC() // rather than in the middle
	r.begun = time.Now().Add(calm)
	for _, c := range l.conns {
		_ = c.net.SetDeadline(r.deadline()) // it fails where the connection is broken, which a read will tell
	}
	defer context.AfterFunc(ctx, l.hurry)()
	if r.cfg.Arrivals == nil {
		l.closed()
	} else {
		l.open()
	}
	return l.result(), nil
}

// now is how long ago the run began; it is negative in the calm before.
func (r *Run) now() time.Duration { return time.Since(r.begun) }

// deadline is when the last answer is given up.
func (r *Run) deadline() time.Time { return r.begun.Add(r.cfg.Duration + r.cfg.Patience) }

// loop is what both kinds of loop share.
type loop struct {
	run     *Run
	ctx     context.Context
	dialled atomic.Uint64
	taken   atomic.Uint64 // requests of a closed loop
	offered time.Duration // until the last request was due

	mu      sync.Mutex
	conns   []*conn        // that were opened
	waiting queue[arrival] // for a connection; bounded by the run's requests
	idle    queue[*conn]   // that wait for an arrival
	done    bool           // nothing more arrives
	all     sync.WaitGroup
}

// dialAll opens every connection first, so that opening them is not measured.
func (l *loop) dialAll() error {
	wanted := l.run.cfg.Connections
	if wanted < 1 {
		return errors.New("a run needs connections")
	}
	dials, ctx := errgroup.WithContext(l.ctx)
	dials.SetLimit(dialsAtOnce)
	for range wanted {
		c := &conn{run: l.run}
		l.conns = append(l.conns, c)
		dials.Go(func() error { return l.dial(ctx, c) })
	}
	err := dials.Wait()
	if err == nil {
		return nil
	}
	for _, c := range l.conns {
		if c.net != nil {
			c.net.Close()
		}
	}
	return fmt.Errorf("open %d connections: %w", wanted, err)
}

func (l *loop) dial(ctx context.Context, c *conn) error {
	dialer := net.Dialer{Timeout: dialTimeout}
	cfg := l.run.cfg
	dial := dialer.DialContext
	if cfg.TLS != nil {
		dial = (&tls.Dialer{NetDialer: &dialer, Config: cfg.TLS}).DialContext
	}
	opened, err := dial(ctx, "tcp", cfg.Address)
	if err != nil {
		return err
	}
	l.dialled.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	c.net, c.have = opened, 0
	return nil
}

// redial opens c again; it reports whether there is still something to do with it.
func (l *loop) redial(c *conn) bool {
	c.net.Close()
	for l.needed() {
		if l.dial(l.ctx, c) == nil {
			_ = c.net.SetDeadline(l.run.deadline()) // as in Do
			return true
		}
		time.Sleep(dialPause)
	}
	return false
}

// more reports whether the time to send is not over.
func (r *Run) more(ctx context.Context) bool { return r.now() < r.cfg.Duration && ctx.Err() == nil }

// needed reports whether there is something to send, or will be.
func (l *loop) needed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting.len() > 0 {
		return l.ctx.Err() == nil && time.Now().Before(l.run.deadline())
	}
	return !l.done && l.run.more(l.ctx)
}

// hurry bounds the wait for answers of a run that is stopped.
func (l *loop) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.hurry()
	}
}

// result is for the end, when nothing runs any more.
func (l *loop) result() Result {
	return Result{
		Sent: l.run.sent.Load(), Unsent: uint64(l.waiting.len()),
		Offered: l.offered, Elapsed: max(l.run.now(), 0), Dialled: l.dialled.Load(),
	}
}
