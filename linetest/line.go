// Package linetest is the network between a process and a backend, for tests: a
// TCP line that is cut, made slow, and silenced as when a host loses its power.
package linetest

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Line is a TCP line to a backend. Its methods may be called at any time.
type Line struct {
	Address string // where it begins
	Backend string // where it leads; may be set later, before it is used

	// Alter returns what a client hears instead of what the backend said. It is
	// given what came at once; nil: it hears that. May be set before the line is used.
	Alter func([]byte) []byte

	listener net.Listener
	slow     atomic.Int64 // what an answer takes more, ns
	running  sync.WaitGroup

	mu     sync.Mutex
	moved  *sync.Cond // of what follows
	cut    bool
	closed bool
	frozen bool
	opened int // connections so far
	lost   int // how many of them, from the first on, stay frozen
	conns  map[net.Conn]struct{}
}

// New opens a line to the backend's address, which ends with the test: after
// whatever is made later and uses it.
func New(t testing.TB, backend string) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{Address: listener.Addr().String(), Backend: backend, listener: listener, conns: map[net.Conn]struct{}{}}
	l.moved = sync.NewCond(&l.mu)
	l.running.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(func() { l.closed = true })
		l.Tear()
		l.running.Wait()
	})
	return l
}

// Freeze has the line forward nothing and close nothing, as when a host has
// lost its power or a switch its tables. New connections are taken and find the
// same silence.
func (l *Line) Freeze() { l.set(func() { l.frozen = true }) }

// Thaw has what was sent meanwhile arrive.
func (l *Line) Thaw() { l.set(func() { l.frozen = false }) }

// Renew lets pass what is said over connections that are opened from now on.
// Those that were open stay silent for good.
func (l *Line) Renew() { l.set(func() { l.frozen, l.lost = false, l.opened }) }

func (l *Line) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.moved.Broadcast()
}

// await returns when the line forwards what connection n says.
func (l *Line) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && (l.frozen || n < l.lost) {
		l.moved.Wait()
	}
}

// Tear ends all connections, and new ones at once, until Mend.
func (l *Line) Tear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for conn := range l.conns {
		_ = conn.Close()
	}
}

// Mend takes connections again.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

// Delay makes everything the backend says come later by d.
func (l *Line) Delay(d time.Duration) { l.slow.Store(int64(d)) }

func (l *Line) accept() {
	for {
		client, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		l.running.Go(func() { l.connect(client) })
	}
}

func (l *Line) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.Backend)
	if err != nil {
		return
	}
	defer server.Close()
	n, ok := l.own(client, server)
	if !ok {
		return
	}
	defer l.disown(client, server)
	var asking sync.WaitGroup
	asking.Go(func() { l.pass(server, client, func() { l.await(n) }, nil) })
	l.pass(client, server, func() { l.await(n); time.Sleep(time.Duration(l.slow.Load())) }, l.Alter)
	asking.Wait()
}

// own makes both connections ends of the line, unless it is cut, and returns
// the number of what they make up.
func (l *Line) own(conns ...net.Conn) (n int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return 0, false
	}
	for _, conn := range conns {
		l.conns[conn] = struct{}{}
	}
	l.opened++
	return l.opened - 1, true
}

func (l *Line) disown(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		delete(l.conns, conn)
	}
}

// pass copies until one side ends, then ends both. It calls before whenever it
// is about to say something, and alter, unless nil, for what that is.
func (l *Line) pass(to, from net.Conn, before func(), alter func([]byte) []byte) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		before()
		if n > 0 {
			said := buf[:n]
			if alter != nil {
				said = alter(said)
			}
			if _, err := to.Write(said); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
