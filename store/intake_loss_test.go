package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"order-service/batch"
	"order-service/order"
	"order-service/store"
	"order-service/store/storetest"
)

func TestAnInsertWhoseBackendIsKilledIsWrittenOnce(t *testing.T) {
	s := newShopBounded(t, store.IntakeConfig{}, batch.Config{Deadline: 20 * time.Second})
	unblock := s.blockOutbox(t)
	in := intent("user", "lamp", "")
	done := make(chan error, 1)
	go func() { _, err := s.intake.Insert(t.Context(), in); done <- err }()
	s.awaitBlocked(t)
	s.exec(t, `SELECT pg_terminate_backend(pid) FROM (`+blockedBackends+`) b`)
	unblock()
	must(t, <-done)
	s.wantWrittenOnce(t, in)
}

func TestAnInsertWhoseReplyIsLostIsWrittenOnceAndLeftToTheSweeper(t *testing.T) {
	s := newShop(t)
	proxy := startProxy(t, s.url)
	behind := storetest.Open(t, proxy.url)
	var got boxes
	intake := startIntakeWith(t, behind, store.IntakeConfig{Committed: got.add, Lease: 0}, batch.Config{Servers: 1, Deadline: 20 * time.Second})
	_, err := intake.Insert(t.Context(), intent("user", "lamp", "")) // the statement is prepared from here on
	must(t, err)

	in := intent("user", "lamp", "key")
	proxy.cutOnResult.Store(true)
	accepted, err := intake.Insert(t.Context(), in)
	must(t, err)
	if proxy.cutOnResult.Load() {
		t.Fatal("the reply was not cut")
	}
	if accepted.OrderID != in.ID {
		t.Errorf("got order %s, want its own %s", accepted.OrderID, in.ID)
	}
	s.wantWrittenOnce(t, in)
	if _, offered := got.orders()[in.ID]; offered {
		t.Error("the order was offered to the relay, which does not know its outbox row")
	}
	claimed, err := s.ClaimOutbox(t.Context(), 10, time.Minute)
	must(t, err)
	if len(claimed) != 2 || claimed[1].Orders[0].ID != in.ID {
		t.Errorf("the sweeper does not find the order: %v", claimed)
	}
}

func TestACommitThatIsNeverAnsweredIsUnknown(t *testing.T) {
	s := newShopBounded(t, store.IntakeConfig{}, batch.Config{Deadline: 5 * time.Second})
	patient := startIntake(t, s.Store, store.IntakeConfig{})
	_, err := patient.Insert(t.Context(), intent("user", "lamp", "")) // there is a connection from here on
	must(t, err)
	unblock := s.blockOutbox(t)
	_, err = s.intake.Insert(t.Context(), intent("user", "lamp", ""))
	unblock()
	wantCode(t, err, order.CodeOutcomeUnknown)
	if !errors.Is(err, order.ErrOutcomeUnknown) {
		t.Errorf("the outcome counts as known: %v", err)
	}
}

// An administrator who is told that the database is not available presses the
// button again.
func TestARestockWhoseReplyIsLostIsUnknown(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	proxy := startProxy(t, s.url)
	proxy.result = "UPDATE 1\x00"
	behind := storetest.Open(t, proxy.url)
	proxy.cutOnResult.Store(true)
	_, err := behind.Restock(t.Context(), p.ID, 3, "")
	wantCode(t, err, order.CodeOutcomeUnknown)
	if total := s.ledger(t, p.ID).Total; total != 8 {
		t.Errorf("the total is %d, and so the outcome was known", total)
	}
}

func (s *shop) wantWrittenOnce(t *testing.T, in order.Intent) {
	t.Helper()
	if n := s.count(t, `SELECT count(*) FROM orders WHERE order_id = $1`, in.ID); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := s.count(t, `SELECT count(*) FROM outbox, unnest(order_ids) AS boxed WHERE boxed = $1`, in.ID); n != 1 {
		t.Errorf("%d outbox entries, want 1", n)
	}
}

// proxy stands between a store and Postgres. With cutOnResult it swallows the
// next result of a statement, which the server has committed by then, and
// closes the connection.
type proxy struct {
	url         string
	result      string // the statement's command tag
	cutOnResult atomic.Bool
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	must(t, err)
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	u.Host = listener.Addr().String()
	p := &proxy{url: u.String(), result: "INSERT 0 1\x00"}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client, server)
		}
	}()
	t.Cleanup(func() { listener.Close(); <-accepting })
	return p
}

func (p *proxy) serve(client net.Conn, server string) {
	defer client.Close()
	backend, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", server)
	if err != nil {
		return
	}
	defer backend.Close()
	go func() {
		_, _ = io.Copy(backend, client)
		backend.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := backend.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte(p.result)) && p.cutOnResult.CompareAndSwap(true, false) {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
