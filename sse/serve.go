package sse

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"order-service/order"
)

// snapshotTimeout bounds one call of Opening.Resnapshot.
const snapshotTimeout = 5 * time.Second

// Opening is what a stream begins with.
type Opening struct {
	Events    []order.ProgressEvent // snapshot, or the events the client missed, in the order of their seq
	After     int64                 // the seq that an order stream's client has already; 0 when it has none
	Reset     bool                  // the client's Last-Event-ID made no sense: a reset event goes first
	ExpiresAt time.Time             // end of the client's token; zero means never

	// Resnapshot reads the snapshot again after a Reset of the hub. Without it
	// the stream ends instead, and the client comes back.
	Resnapshot func(context.Context) ([]order.ProgressEvent, error)
}

// Serve sends s over conn, beginning with o, until the order is final, the
// token expires, the client leaves or is too slow, or the hub closes. It owns
// conn and closes it; when it returns, s has left the hub and nothing touches
// conn any more. A panic is logged and ends the stream only: there is no server
// above a hijacked connection to catch it.
func (h *Hub) Serve(conn net.Conn, s *Stream, o Opening) {
	if !h.admit() {
		s.Leave()
		_ = conn.Close()
		return
	}
	defer h.serving.Done()
	defer s.close(conn)
	defer h.recover(s.abort)
	if s.attach(conn, o.ExpiresAt) {
		s.run(o)
	}
}

func (h *Hub) admit() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.serving.Add(1)
	return true
}

// attach gives the stream its connection, unless it was cut off before.
func (s *Stream) attach(conn net.Conn, expires time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != open {
		return false
	}
	s.conn, s.expires = conn, expires
	s.nextBeat = time.Now().Add(rand.N(s.hub.cfg.Heartbeat)) // streams that came together don't beat together
	if s.reset {
		s.interrupt()
	}
	return true
}

func (s *Stream) close(conn net.Conn) {
	s.Leave()
	_ = conn.Close()
	s.writers.Wait()
}

// run is the stream's parked goroutine. It leaves all that needs a deep stack
// to others.
func (s *Stream) run(o Opening) {
	s.apart(func() { s.open(o) })
	resnapshot := o.Resnapshot
	o = Opening{} // the events are not needed while the goroutine is parked
	for s.park() {
		select {
		case s.hub.snapshots <- struct{}{}:
			s.apart(func() { s.reopen(resnapshot) })
			<-s.hub.snapshots
		case <-s.hub.ctx.Done():
			s.end()
		}
	}
}

// apart runs f on a goroutine of its own and waits for it. A stack that has
// grown for JSON or a query stays at 8 KB or more under a parked goroutine;
// one that has not is half of that or less, for each of many thousand streams.
func (s *Stream) apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer s.hub.recover(s.abort)
		f()
	}()
	<-done
}

func (s *Stream) open(o Opening) {
	preamble := retryFrame(1000 + rand.IntN(3001))
	if o.Reset {
		preamble = append(preamble, resetFrame...)
	}
	s.begin(preamble, o.Events, o.After)
}

// reopen sends a reset and what read returns.
func (s *Stream) reopen(read func(context.Context) ([]order.ProgressEvent, error)) {
	if read == nil {
		s.end()
		return
	}
	ctx, cancel := context.WithTimeout(s.hub.ctx, snapshotTimeout)
	defer cancel()
	events, err := read(ctx)
	if err != nil {
		s.hub.cfg.Log.Debug().Err(err).Msg("stream ends: no snapshot after reset")
		s.end()
		return
	}
	s.begin(slices.Clone(resetFrame), events, 0)
}

// begin queues preamble and events as one write, then the held events that are
// newer, and lets live ones through.
func (s *Stream) begin(preamble []byte, events []order.ProgressEvent, after int64) {
	opening, err := frames(events, s.topic)
	if err != nil {
		s.hub.cfg.Log.Error().Err(err).Msg("stream ends: snapshot not encoded")
		s.end()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != open {
		return
	}
	s.seen = seen{}
	s.seen.advance(s.topic.order, after)
	final := false
	for _, f := range opening {
		if s.seen.advance(f.orderID, f.seq) {
			preamble = append(preamble, f.data...)
			final = f.final
			s.hub.sent.Add(1)
		}
	}
	s.enqueue(preamble)
	if final && s.topic.ofOrder() {
		s.finish()
	}
	s.release()
}

// release accepts what was held. The caller holds mu.
func (s *Stream) release() {
	held := s.held
	s.held, s.holding = nil, false
	for _, f := range held {
		s.accept(f)
	}
}

// park waits in Read, where a client that leaves is noticed at once. What the
// client sends means nothing and is thrown away. It reports true when a
// snapshot is wanted and false when the stream has ended.
func (s *Stream) park() (resnapshot bool) {
	junk := make([]byte, 64)
	for {
		_, err := s.conn.Read(junk)
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return false
		default:
			if again, resnapshot := s.interrupted(); !again {
				return resnapshot
			}
		}
	}
}

// interrupted decides what the end of a read deadline means: the stream is
// over, a reset waits (live events are held from here on, so that none is sent
// before a snapshot that is older), or there is more to read.
func (s *Stream) interrupted() (again, resnapshot bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == gone || s.shut {
		return false, false
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	if s.state == ending || !s.reset {
		return true, false
	}
	s.reset, s.holding = false, true
	return false, true
}

// recover, deferred, logs a panic and calls then.
func (h *Hub) recover(then func()) {
	if cause := recover(); cause != nil {
		h.cfg.Log.Error().Interface("panic", cause).Bytes("stack", debug.Stack()).Msg("panic in an event stream")
		then()
	}
}
