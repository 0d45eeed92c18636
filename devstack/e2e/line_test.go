package e2e

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// line is a TCP line to a backend, which can be cut and made slow.
type line struct {
	address  string
	backend  string
	listener net.Listener
	slow     atomic.Int64 // what an answer takes more, ns

	mu      sync.Mutex
	cut     bool
	conns   map[net.Conn]struct{}
	running sync.WaitGroup
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
	l.running.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.tear()
		l.running.Wait()
	})
	return l
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
	if !l.own(client, server) {
		return
	}
	defer l.disown(client, server)
	var asking sync.WaitGroup
	asking.Go(func() { l.pass(server, client, func() {}) })
	l.pass(client, server, func() { time.Sleep(time.Duration(l.slow.Load())) })
	asking.Wait()
}

// own makes both connections ends of the line, unless it is cut.
func (l *line) own(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return false
	}
	for _, conn := range conns {
		l.conns[conn] = struct{}{}
	}
	return true
}

func (l *line) disown(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		delete(l.conns, conn)
	}
}

// pass copies until one side ends, then ends both.
func (l *line) pass(to, from net.Conn, before func()) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			before()
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
