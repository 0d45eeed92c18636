package sse

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"order-service/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen before it fails.
const patience = 30 * time.Second

// message is one server-sent event or comment as a client reads it.
type message struct {
	event, id, data, retry string
	comment                bool
}

func (m message) progress(t testing.TB) order.ProgressEvent {
	t.Helper()
	var e order.ProgressEvent
	if m.event != "progress" {
		t.Fatalf("got %+v, want a progress event", m)
	}
	if err := json.Unmarshal([]byte(m.data), &e); err != nil {
		t.Fatalf("data %q: %v", m.data, err)
	}
	return e
}

// readMessage reads up to and including the next blank line.
func readMessage(r *bufio.Reader) (message, error) {
	var m message
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return m, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			if line == "\n" {
				return m, nil
			}
			m.comment = true
		case "event":
			m.event = value
		case "id":
			m.id = value
		case "data":
			m.data = value
		case "retry":
			m.retry = value
		}
	}
}

// readAll reads messages to the end of the stream, leaving out comments.
func readAll(t testing.TB, conn net.Conn) []message {
	t.Helper()
	var all []message
	r := bufio.NewReader(conn)
	for {
		m, err := readMessage(r)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("after %d messages: %v", len(all), err)
		}
		if !m.comment {
			all = append(all, m)
		}
	}
}

func newHub(t testing.TB, cfg Config) *Hub {
	t.Helper()
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, patience) // a busy client is not a slow one here
	cfg.Log = zerolog.New(zerolog.NewTestWriter(t))
	h := NewHub(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

// served is a stream under test, seen from the client.
type served struct {
	net.Conn
	reader *bufio.Reader
	done   chan struct{} // closed when Serve has returned
}

func (s *served) next(t testing.TB) message {
	t.Helper()
	for {
		m, err := readMessage(s.reader)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if !m.comment && m.retry == "" {
			return m
		}
	}
}

func (s *served) wait(t testing.TB) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatal("Serve has not returned")
	}
}

// serve runs Serve on one end of a pair of connections and returns the other.
func serve(t testing.TB, h *Hub, s *Stream, o Opening, pair func(testing.TB) (net.Conn, net.Conn)) *served {
	t.Helper()
	server, client := pair(t)
	c := &served{Conn: client, reader: bufio.NewReader(client), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		h.Serve(server, s, o)
	}()
	t.Cleanup(func() {
		client.Close()
		<-c.done
	})
	return c
}

func pipe(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }

// loopback returns the two ends of a real TCP connection.
func loopback(t testing.TB) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func joinOrder(t testing.TB, h *Hub, id uuid.UUID) *Stream {
	t.Helper()
	s, err := h.JoinOrder(id, "ann")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// path is the happy path; seq n is path[n-1].
var path = []order.Status{order.Pending, order.InventoryReserved, order.PaymentPending, order.Confirmed}

func eventAt(id uuid.UUID, seq int64) order.ProgressEvent {
	return order.ProgressEvent{OrderID: id, UserID: "ann", Seq: seq, Status: path[seq-1], Message: "line\nbreak"}
}

// unfinished is an event that ends no stream, whatever its seq.
func unfinished(id uuid.UUID, seq int64) order.ProgressEvent {
	return order.ProgressEvent{OrderID: id, UserID: "ann", Seq: seq, Status: order.PaymentPending}
}

// seqs reads a stream to its end: the seqs of its events, and 0 for a reset.
func seqs(conn net.Conn) (all []int64) {
	r := bufio.NewReader(conn)
	for {
		m, err := readMessage(r)
		if err != nil {
			return all
		}
		var e order.ProgressEvent
		switch m.event {
		case "reset":
			all = append(all, 0)
		case "progress":
			_ = json.Unmarshal([]byte(m.data), &e)
			all = append(all, e.Seq)
		}
	}
}

func span(first, last int64) (all []int64) {
	for seq := first; seq <= last; seq++ {
		all = append(all, seq)
	}
	return all
}
