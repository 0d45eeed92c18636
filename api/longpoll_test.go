package api

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// poll waits, for as long as it says, for an order to change from seq 1.
func (s *site) poll(user string, o order.Order, wait string) answer {
	s.Helper()
	return s.as(user, "GET", "/orders/"+o.ID.String()+"?wait="+wait, "", "If-None-Match", `"1"`)
}

// polled waits until so many long polls wait for an order.
func (s *shop) polled(id uuid.UUID, many int) {
	for s.watching(id) != many {
		time.Sleep(time.Millisecond)
	}
}

func TestAUserMayHaveTenLongPollsWaiting(t *testing.T) {
	const most = 10
	shop := newShop()
	s := serve(t, shop)
	o, other, final := shop.put("ann", order.Pending), shop.put("bob", order.Pending), shop.put("ann", order.Failed)
	var waiting sync.WaitGroup
	for range most {
		waiting.Go(func() { s.poll("ann", o, "15s").ok(t) })
	}
	shop.polled(o.ID, most)

	refused := s.poll("ann", o, "15s")
	refused.problem(t, 429, order.CodeTooManyStreams)
	if refused.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.as("ann", "GET", "/orders/"+o.ID.String(), "").ok(t)
	s.poll("ann", final, "15s").ok(t) // is answered at once
	for user, of := range map[string]order.Order{"bob": other, "admin": o} {
		if a := s.poll(user, of, "50ms"); a.StatusCode != 304 {
			t.Errorf("%s: %d %s", user, a.StatusCode, a.body)
		}
	}

	shop.move(o.ID, order.InventoryReserved)
	waiting.Wait()
	o = shop.put("ann", order.Pending)
	if a := s.poll("ann", o, "1ms"); a.StatusCode != 304 {
		t.Errorf("after they ended: %d %s", a.StatusCode, a.body)
	}
	s.polls.empty(t)
}

func TestTheProcessHasSoManyLongPollsWaiting(t *testing.T) {
	shop := newShop()
	s := serve(t, shop, func(c *Config, _ *Deps) { c.MaxPolls = 1 })
	o, other := shop.put("ann", order.Pending), shop.put("bob", order.Pending)
	var waiting sync.WaitGroup
	waiting.Go(func() { s.poll("ann", o, "15s").ok(t) })
	shop.polled(o.ID, 1)
	s.poll("bob", other, "15s").problem(t, 429, order.CodeTooManyStreams)
	shop.move(o.ID, order.InventoryReserved)
	waiting.Wait()
	s.polls.empty(t)
}

// Nobody tells that a client has left, so its long poll counts until its time is
// over, and no longer.
func TestALongPollWhoseClientHasLeftEnds(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.Pending)
	for range 10 {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, fmt.Sprintf("GET /orders/%s?wait=300ms HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"1\"\r\nAuthorization: Bearer %s\r\n\r\n",
			o.ID, token(t, "ann")))
		_ = conn.Close()
	}
	deadline := time.Now().Add(15 * time.Second)
	for begun := false; !begun || s.polls.count() > 0; {
		begun = begun || s.polls.count() > 0
		if time.Sleep(time.Millisecond); time.Now().After(deadline) {
			t.Fatalf("%d of those who left are waited for", s.polls.count())
		}
	}
	s.polls.empty(t)
	if a := s.poll("ann", o, "1ms"); a.StatusCode != 304 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func (p *polls) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}

// empty wants nothing to be kept of polls that have ended.
func (p *polls) empty(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all != 0 || len(p.perUser) != 0 {
		t.Errorf("%d are counted, of %d users", p.all, len(p.perUser))
	}
}
