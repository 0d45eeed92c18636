package e2e

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// line is a TCP line to a backend, which can be cut, made slow and silenced.
type line struct {
	address  string
	backend  string
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

// newLine opens a line to the backend's address; it ends with the test. Made
// before the shop it outlives the shop's services.
func newLine(t *testing.T, backend string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{address: listener.Addr().String(), backend: backend, listener: listener, conns: map[net.Conn]struct{}{}}
	l.moved = sync.NewCond(&l.mu)
	l.running.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(func() { l.closed = true })
		l.tear()
		l.running.Wait()
	})
	return l
}

// freeze has the line forward nothing and close nothing, as when a host has
// lost its power or a switch its tables. New connections are taken and find the
// same silence.
func (l *line) freeze() { l.set(func() { l.frozen = true }) }

// thaw has what was sent meanwhile arrive.
func (l *line) thaw() { l.set(func() { l.frozen = false }) }

// renew lets pass what is said over connections that are opened from now on.
// Those that were open stay silent for good.
func (l *line) renew() { l.set(func() { l.frozen, l.lost = false, l.opened }) }

func (l *line) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.moved.Broadcast()
}

// await returns when the line forwards what connection n says.
func (l *line) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && (l.frozen || n < l.lost) {
		l.moved.Wait()
	}
}

// tear ends all connections, and new ones at once, until mend.
func (l *line) tear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for conn := range l.conns {
		_ = conn.Close()
	}
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

// delay makes everything the backend says come later by d.
func (l *line) delay(d time.Duration) { l.slow.Store(int64(d)) }

func (l *line) accept() {
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

func (l *line) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.backend)
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
	asking.Go(func() { l.pass(server, client, func() { l.await(n) }) })
	l.pass(client, server, func() { l.await(n); time.Sleep(time.Duration(l.slow.Load())) })
	asking.Wait()
}

// own makes both connections ends of the line, unless it is cut, and returns
// the number of what they make up.
func (l *line) own(conns ...net.Conn) (n int, ok bool) {
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

func (l *line) disown(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		delete(l.conns, conn)
	}
}

// pass copies until one side ends, then ends both. It calls before whenever it
// is about to say something.
func (l *line) pass(to, from net.Conn, before func()) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		before()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
