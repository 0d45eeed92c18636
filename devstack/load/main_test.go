package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var minting = environment("JWT_SECRET", "a secret of the shop's")

func TestAcceptSendsAtItsRate(t *testing.T) {
	s := newFakeShop(t)
	r := s.report(t, minting, "accept", "--rate=400", "--duration=500ms")
	orders := r.Lanes[0]
	if orders.Sent < 140 || orders.Sent > 260 || orders.Acceptances.Count != orders.Sent || orders.Unsent > 0 {
		t.Errorf("%+v; want about 200 orders, all accepted", orders)
	}
	if got := s.sold[r.Product]; got != int64(orders.Sent) {
		t.Errorf("the shop sold %d units for %d orders", got, orders.Sent)
	}
	if ends := s.products[r.Product].EndsAt; ends.IsZero() || ends.After(time.Now()) {
		t.Error("the sale is not closed")
	}
}

func TestEveryRunHasAProductOfItsOwn(t *testing.T) {
	s := newFakeShop(t)
	for range 2 {
		s.report(t, minting, "accept", "--duration=50ms")
	}
	if len(s.products) != 2 {
		t.Errorf("%d products for two runs", len(s.products))
	}
}

func TestClosedLoopIsReportedAsOne(t *testing.T) {
	orders := newFakeShop(t).report(t, minting, "accept", "--closed=3", "--duration=1s").Lanes[0]
	if orders.Loop != "closed" || orders.Connections != 3 || orders.Dialled != 3 || orders.Lag.Count > 0 || orders.Sent == 0 {
		t.Errorf("%+v", orders)
	}
}

func TestStampedeGoesOnUntilEverybodyKnows(t *testing.T) {
	s := newFakeShop(t)
	s.busy = 70 // more than the first wave
	r := s.report(t, minting, "stampede", "--units=20", "--within=100ms")
	c := *r.Crowd
	if c.Buyers != 50 || c.Bought != 20 || c.SoldOut != 30 || c.GaveUp+c.Refused > 0 {
		t.Errorf("%+v; want 20 of 50 who bought and 30 who found it sold out", c)
	}
	want := []wave{{Pressed: 50, Back: 50}, {Pressed: 50, Bought: 20, SoldOut: 10, Back: 20}, {Pressed: 20, SoldOut: 20}}
	if !slices.Equal(c.Waves, want) {
		t.Errorf("waves %+v, want %+v", c.Waves, want)
	}
	if got := s.sold[r.Product]; got != 20 {
		t.Errorf("the shop sold %d units of 20", got)
	}
}

func TestBuyersOfAStampedeGiveUpAfterTheLastWave(t *testing.T) {
	s := newFakeShop(t)
	s.busy = 1000
	if c := s.report(t, minting, "stampede", "--within=50ms", "--waves=2").Crowd; c.GaveUp != 50 || len(c.Waves) != 2 {
		t.Errorf("%+v", c)
	}
}

func TestPollLooksAtOrdersThatWerePlaced(t *testing.T) {
	s := newFakeShop(t)
	r := s.report(t, minting, "poll", "--rate=300", "--duration=300ms")
	if looks := r.Lanes[0]; looks.Sent == 0 || looks.Acceptances.Count != looks.Sent {
		t.Errorf("%s", looks.outcomes())
	}
	if len(s.orders) != placed {
		t.Errorf("%d orders were placed, want %d", len(s.orders), placed)
	}
}

func TestMixedAsksForEverything(t *testing.T) {
	r := newFakeShop(t).report(t, minting, "mixed", "--rate=700", "--duration=500ms")
	var names []string
	for _, l := range r.Lanes {
		if names = append(names, l.Name); l.Sent == 0 || l.Acceptances.Count != l.Sent {
			t.Errorf("%s: %s", l.Name, l.outcomes())
		}
	}
	if want := []string{"orders", "looks at orders", "looks at the list"}; !slices.Equal(names, want) {
		t.Errorf("lanes %q, want %q", names, want)
	}
}

func TestAudienceSeesWhatHappens(t *testing.T) {
	a := *newFakeShop(t).report(t, minting, "mixed", "--streams=20", "--rate=70", "--duration=1s").Audience
	if a.Asked != 20 || a.Opened != 16 || a.Broken != 4 || a.Refused["answered 429"] != 4 {
		t.Errorf("%+v; want 16 of 20 opened, 4 of them broken", a)
	}
	if a.Snapshot.Count != 16 || a.Changes.Count != 16+24 || a.Changes.Max > 5000 {
		t.Errorf("%+v; want 16 snapshots and 40 changes", a)
	}
}

func TestAudienceComesBackAfterAStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("they come back within 4 s")
	}
	shop := newFakeShop(t)
	shop.still = true
	a := *shop.report(t, minting, "accept", "--streams=4", "--rate=70", "--storms=2s", "--duration=7s").Audience
	if a.Asked != 4 || a.Storms == 0 || a.Opened <= 4 || a.Broken != 0 || len(a.Refused) > 0 {
		t.Errorf("%+v; want 4 streams that came back", a)
	}
}

func TestOverloadOffersAMultipleOfTheCapacity(t *testing.T) {
	if testing.Short() {
		t.Skip("it warms up for seconds")
	}
	r := newFakeShop(t).report(t, minting, "accept", "--overload", "--factor=0.1", "--duration=500ms")
	o := r.Overload
	if o == nil || o.Capacity == 0 || o.Factor < .05 || o.Factor > .2 || o.AcceptedP99 == 0 {
		t.Errorf("%+v", o)
	}
}

func TestBuyersLogInWhereThereIsNoSecret(t *testing.T) {
	r := newFakeShop(t).report(t, environment(), "accept", "--duration=200ms")
	if orders := r.Lanes[0]; orders.Acceptances.Count == 0 {
		t.Errorf("%s", orders.outcomes())
	}
}

func TestWithoutTokensTheRunDoesNotBegin(t *testing.T) {
	s := newFakeShop(t)
	s.login = false
	code, _, stderr := s.load(t, environment(), "accept")
	if code != exitFailed || !strings.Contains(stderr, "JWT_SECRET") || !strings.Contains(stderr, "DEV_LOGIN") {
		t.Errorf("exit status %d: %s", code, stderr)
	}
	if len(s.products) > 0 {
		t.Error("a product was put on sale")
	}
}

func TestWrongSecretIsNamed(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { problem(w, 401, "unauthenticated") }))
	defer refusing.Close()
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"accept", "--url", refusing.URL}, minting, &out, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "JWT_SECRET") {
		t.Errorf("exit status %d: %s", code, errs.String())
	}
}

func TestInterruptedRunPrintsItsTable(t *testing.T) {
	s := newFakeShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // however long its connections take
		for s.taken() == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		cancel()
	}()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"accept", "--url", s.url, "--duration=1h", "--buyers=5"}, minting, &out, &errs)
	if code != exitOK && code != exitVoid || !strings.Contains(out.String(), "interrupted") || !strings.Contains(out.String(), "202") {
		t.Errorf("exit status %d\n%s%s", code, out.String(), errs.String())
	}
	for _, p := range s.products {
		if p.EndsAt.IsZero() {
			t.Error("the sale is not closed")
		}
	}
}

func TestRunOverTLS(t *testing.T) {
	s := newFakeShop(t)
	secure := httptest.NewUnstartedServer(s.server.Config.Handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	s.url = secure.URL
	if code, _, stderr := s.load(t, minting, "accept", "--duration=100ms"); code != exitFailed || !strings.Contains(stderr, "certificate") {
		t.Errorf("an unknown authority: exit status %d: %s", code, stderr)
	}
	if orders := s.report(t, minting, "accept", "--duration=100ms", "--insecure").Lanes[0]; orders.Acceptances.Count == 0 {
		t.Errorf("%s", orders.outcomes())
	}
}

func TestTooManyForItsConnectionsIsVoid(t *testing.T) {
	leave := make(chan struct{})
	s := newFakeShop(t)
	shop := s.server.Config.Handler
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			<-leave
		}
		shop.ServeHTTP(w, r)
	}))
	defer slow.Close()
	defer close(leave)
	s.url = slow.URL
	code, stdout, stderr := s.load(t, minting, "accept", "--connections=1", "--rate=500", "--duration=100ms", "--patience=100ms")
	if code != exitVoid || !strings.Contains(stdout, "VOID") {
		t.Errorf("exit status %d\n%s%s", code, stdout, stderr)
	}
}

func TestBuyerWaitsForThePaymentLink(t *testing.T) {
	var w *waitReport
	for tries := 0; tries < 5 && (w == nil || w.Link.Count == 0 || w.Without == 0); tries++ { // in a busy second a buyer may come once
		w = newFakeShop(t).report(t, minting, "buyer", "--duration=1s").Waiting
	}
	if w.Link.Count == 0 || w.Without == 0 {
		t.Errorf("%+v; want links, and the streams that the shop breaks without one", w)
	}
}
