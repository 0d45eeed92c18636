package sse

import (
	"net"
	"sync"
	"time"
)

const (
	abandonedAfter = 30 * time.Second // a join that no Serve followed: the server lost the connection in between
	reauthBefore   = 10 * time.Second // warning ahead of the token's end
	linger         = time.Second      // for the client to close its side, so that the last bytes aren't lost to a TCP reset
)

// state is where a stream is in its life; it only rises.
type state uint8

const (
	open   state = iota // takes events
	ending              // takes none, writes what is queued, then closes
	gone                // writes nothing more
)

// Stream is one client's connection in the Hub. Join makes it, Serve or Leave
// ends it.
type Stream struct {
	hub    *Hub
	topic  topic
	userID string
	joined time.Time
	left   bool // out of the hub; guarded by Hub.mu

	writers sync.WaitGroup // Add under mu and only while not gone

	mu       sync.Mutex
	conn     net.Conn // nil until Serve
	state    state
	holding  bool     // events wait in held until an opening has been queued
	held     []frame  // bounded by Config.Buffer
	queue    [][]byte // what the writer takes next, bounded by Config.Buffer
	writing  bool     // a writer goroutine runs
	shut     bool     // the write side is closed; the reader lingers
	reset    bool     // a Reset waits for the reader
	seen     seen
	expires  time.Time // end of the token; zero: never
	reauthed bool
	nextBeat time.Time

	nextPosition time.Time
}

// Leave takes the stream out of the hub and cuts off its connection, if it has
// one already. Serve does so by itself; Leave is for a join that no Serve
// follows. It may be called more than once.
func (s *Stream) Leave() {
	s.abort()
	s.hub.remove(s)
}

// offer gives f to the stream, or cuts the stream off when it has no room.
// Publish calls it under the shard's lock.
func (s *Stream) offer(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != open:
	case !s.holding:
		s.accept(f)
	case len(s.held) < s.hub.cfg.Buffer:
		s.held = append(s.held, f)
	default:
		s.drop()
	}
}

// accept queues f unless the client has it. The caller holds mu.
func (s *Stream) accept(f frame) {
	if s.state != open || !s.seen.advance(f.orderID, f.seq) {
		return
	}
	s.hub.sent.Add(1)
	s.enqueue(f.data)
	if f.final && s.topic.ofOrder() {
		s.finish()
	}
}

// enqueue gives data to the writer, starting one if none runs. The caller holds
// mu and has seen that the stream is open and has a connection.
func (s *Stream) enqueue(data []byte) {
	if len(s.queue) >= s.hub.cfg.Buffer {
		s.drop()
		return
	}
	s.queue = append(s.queue, data)
	if !s.writing {
		s.writing = true
		s.writers.Go(s.write)
	}
}

// finish lets the writer empty the queue and then close. The caller holds mu.
func (s *Stream) finish() {
	switch {
	case s.state != open:
	case s.conn == nil:
		s.state = gone
	default:
		s.state = ending
		if !s.writing {
			s.shutdown()
		}
	}
}

// shutdown closes the write side, which ends the response, and leaves the
// reader a moment to see the client close too. The caller holds mu.
func (s *Stream) shutdown() {
	s.shut = true
	conn, ok := s.conn.(interface{ CloseWrite() error })
	if !ok || conn.CloseWrite() != nil {
		s.interrupt()
		return
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(linger))
}

// drop cuts the stream off because its client is too slow. The caller holds mu.
func (s *Stream) drop() {
	if s.state != gone {
		s.hub.dropped.Add(1)
	}
	s.cut()
}

// cut makes reader and writer return. A deadline in the past does that without
// waiting for them, as Close would. The caller holds mu.
func (s *Stream) cut() {
	s.state = gone
	s.held, s.queue = nil, nil
	if s.conn != nil {
		_ = s.conn.SetDeadline(past)
	}
}

// interrupt makes the reader look at the stream's state. The caller holds mu.
func (s *Stream) interrupt() { _ = s.conn.SetReadDeadline(past) }

// past is a deadline that has passed for every clock.
var past = time.Unix(1, 0)

func (s *Stream) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut()
}

func (s *Stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
}

// requestReset has the reader send a reset and a fresh snapshot.
func (s *Stream) requestReset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != open {
		return
	}
	s.reset = true
	if s.conn != nil {
		s.interrupt()
	}
}

// tick looks at the clock. It reports whether the stream was joined long ago
// and never served.
func (s *Stream) tick(now time.Time) (abandoned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.conn == nil:
		return now.Sub(s.joined) > abandonedAfter
	case s.state != open:
	case s.expired(now, 0):
		s.finish()
	case s.expired(now, reauthBefore) && !s.reauthed:
		s.reauthed = true
		s.enqueue(reauthFrame(s.expires))
	case !now.Before(s.nextBeat):
		s.beat(now)
	case !now.Before(s.nextPosition):
		s.tellPositions(now)
	}
	return false
}

func (s *Stream) expired(now time.Time, early time.Duration) bool {
	return !s.expires.IsZero() && !now.Before(s.expires.Add(-early))
}

// beat sends a heartbeat unless events are on their way anyway.
func (s *Stream) beat(now time.Time) {
	s.nextBeat = now.Add(s.hub.cfg.Heartbeat)
	if !s.writing {
		s.enqueue(heartbeat)
	}
}
