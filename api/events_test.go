package api

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"order-service/order"
)

func TestStreamOpensWithWhatTheClientMissed(t *testing.T) {
	for name, c := range map[string]struct {
		status order.Status
		last   string
		lines  string
		after  int64
		reset  bool
	}{
		"new":                 {order.PaymentPending, "", "3 PAYMENT_PENDING\n", 0, false},
		"new, final":          {order.Confirmed, "", "4 CONFIRMED\n", 0, false},
		"missed two":          {order.PaymentPending, "1", "2 INVENTORY_RESERVED\n3 PAYMENT_PENDING\n", 1, false},
		"missed nothing":      {order.PaymentPending, "3", "", 3, false},
		"missed the last":     {order.Confirmed, "3", "4 CONFIRMED\n", 3, false},
		"from the future":     {order.PaymentPending, "4", "3 PAYMENT_PENDING\n", 0, true},
		"never sent":          {order.PaymentPending, "0", "3 PAYMENT_PENDING\n", 0, true},
		"negative":            {order.PaymentPending, "-1", "3 PAYMENT_PENDING\n", 0, true},
		"nonsense":            {order.PaymentPending, "abc", "3 PAYMENT_PENDING\n", 0, true},
		"beyond every number": {order.PaymentPending, strings.Repeat("9", 40), "3 PAYMENT_PENDING\n", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			s := serve(t, shop)
			o := shop.put("ann", c.status)
			a := s.as("ann", "GET", "/orders/"+o.ID.String()+"/events", "", lastEventID(c.last)...).ok(t)
			if string(a.body) != c.lines {
				t.Errorf("sent %q, want %q", a.body, c.lines)
			}
			opening := shop.lastOpening()
			if opening.Reset != c.reset || opening.After != c.after || opening.ExpiresAt.IsZero() {
				t.Errorf("%+v", opening)
			}
			again, err := opening.Resnapshot(t.Context())
			if err != nil || len(again) != 1 || again[0].Seq != o.Seq {
				t.Errorf("resnapshot %v %v", again, err)
			}
		})
	}
}

func lastEventID(id string) []string {
	if id == "" {
		return nil
	}
	return []string{"Last-Event-ID", id}
}

func TestClientThatHasTheFinalStatusIsToldNotToComeBack(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.Failed)
	a := s.as("ann", "GET", "/orders/"+o.ID.String()+"/events", "", "Last-Event-ID", "2")
	if a.StatusCode != 204 || shop.streams() != 0 {
		t.Errorf("%d, %d streams left", a.StatusCode, shop.streams())
	}
}

func TestStreamJoinsTheHubBeforeItReadsTheOrder(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	shop.onJoin = func() { shop.move(o.ID, order.Confirmed) }
	if a := s.as("ann", "GET", "/orders/"+o.ID.String()+"/events", "").ok(t); string(a.body) != "4 CONFIRMED\n" {
		t.Errorf("sent %q", a.body)
	}
}

func TestRefusedStreamLeavesTheHub(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	s.as("bob", "GET", "/orders/"+o.ID.String()+"/events", "").problem(t, 404, order.CodeOrderNotFound)
	if shop.streams() != 0 {
		t.Errorf("%d streams left", shop.streams())
	}
	shop.joinErr = order.Errorf(order.CodeTooManyStreams, "You have 10 event streams open already.")
	a := s.as("ann", "GET", "/orders/events", "")
	a.problem(t, 429, order.CodeTooManyStreams)
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestUserStreamOpensWithASnapshotOfOwnOrders(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	shop.put("bob", order.Confirmed)
	for last, reset := range map[string]bool{"": false, o.ID.String() + ":2": false, "7": true, o.ID.String() + ":x": true, o.ID.String(): true} {
		a := s.as("ann", "GET", "/orders/events", "", lastEventID(last)...).ok(t)
		if string(a.body) != "3 PAYMENT_PENDING\n" {
			t.Errorf("%q: sent %q", last, a.body)
		}
		if opening := shop.lastOpening(); opening.Reset != reset {
			t.Errorf("%q: reset %v", last, opening.Reset)
		}
	}
}

func TestStreamsBeginAFewAtATimeAndOrdersDoNotWaitForThem(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	var begun atomic.Int64
	full, goOn := make(chan struct{}), make(chan struct{})
	shop.onJoin = func() {
		if begun.Add(1) == openAtOnce {
			close(full)
		}
		<-goOn
	}
	var opening sync.WaitGroup
	for range 2 * openAtOnce {
		opening.Go(func() { s.as("ann", "GET", "/orders/events", "").ok(t) })
	}
	<-full
	if a := s.as("bob", "POST", "/orders", `{"productId":"lamp","quantity":1}`); a.StatusCode != 202 {
		t.Errorf("an order beside them: %d", a.StatusCode)
	}
	time.Sleep(50 * time.Millisecond) // one that does not wait its turn has begun by now
	if n := begun.Load(); n != openAtOnce {
		t.Errorf("%d were begun at once, want %d", n, openAtOnce)
	}
	close(goOn)
	opening.Wait()
}

func TestStreamWhoseTurnDoesNotComeIsOverloaded(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	s.cancel() // as if the request's time were over
	if !s.openings.TryAcquire(openAtOnce) {
		t.Fatal("somebody else is opening a stream")
	}
	s.as("ann", "GET", "/orders/events", "").problem(t, 503, order.CodeOverloaded)
}
