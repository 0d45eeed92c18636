package store_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// line is a TCP line to Postgres that can fall silent: it forwards nothing and
// closes nothing, as when a host or a switch is gone.
type line struct {
	url      string // DATABASE_URL by way of the line
	backend  string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	moved  *sync.Cond
	frozen bool
	lost   int // how many connections, from the first on, stay frozen
	opened int
	closed bool
	ends   []net.Conn
}

func newLine(t *testing.T, databaseURL string) *line {
	t.Helper()
	u, err := url.Parse(databaseURL)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := &line{backend: u.Host, listener: listener}
	l.moved = sync.NewCond(&l.mu)
	u.Host = listener.Addr().String()
	l.url = u.String()
	l.running.Go(l.accept)
	t.Cleanup(l.end)
	return l
}

// freeze silences the line, new connections included.
func (l *line) freeze() { l.set(func() { l.frozen = true }) }

// renew lets connections pass that are opened from now on. Older ones stay
// silent.
func (l *line) renew() { l.set(func() { l.frozen, l.lost = false, l.opened }) }

func (l *line) end() {
	_ = l.listener.Close()
	l.set(func() {
		l.closed = true
		for _, conn := range l.ends {
			_ = conn.Close()
		}
	})
	l.running.Wait()
}

func (l *line) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.moved.Broadcast()
}

// await returns when connection n may pass.
func (l *line) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && (l.frozen || n < l.lost) {
		l.moved.Wait()
	}
}

func (l *line) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.backend)
		if err != nil {
			_ = client.Close()
			continue
		}
		l.set(func() {
			n := l.opened
			l.opened++
			l.ends = append(l.ends, client, server)
			l.running.Go(func() { l.pass(n, server, client) })
			l.running.Go(func() { l.pass(n, client, server) })
		})
	}
}

// pass copies until from ends, of which a frozen line says nothing either.
func (l *line) pass(n int, to, from net.Conn) {
	_, _ = io.Copy(gated{l, n, to}, from)
	l.await(n)
	_, _ = to.Close(), from.Close()
}

type gated struct {
	line *line
	n    int
	net.Conn
}

func (g gated) Write(p []byte) (int, error) {
	g.line.await(g.n)
	return g.Conn.Write(p)
}
