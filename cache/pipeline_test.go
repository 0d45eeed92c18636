package cache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

func TestScriptsAreLoadedAgainAfterAFlush(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(100))
	for range 3 {
		must(t, s.redis().ScriptFlush(t.Context()).Err())
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := s.gate.Hold(context.Background(), request(fmt.Sprint(i), 1)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	s.wantStock(100, 60)
	must(t, s.redis().ScriptFlush(t.Context()).Err())
	s.round()
}

func TestRedisGoneIsUnavailableAtOnce(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"closed port": closedPort(t), "no answer": blackHole(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, err := Open(Config{URL: "redis://" + address, Log: zerolog.Nop()})
			must(t, err)
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() { wantUnavailable(t, g) })
			}
			all.Wait()
			if err := g.Drop(t.Context(), "shirt", request("ann", 1).OrderID); err != nil {
				t.Errorf("Drop = %v, want it queued", err)
			}
			must(t, g.Close())
			must(t, g.Close())
		})
	}
}

// wantUnavailable allows two seconds for what takes 50 ms on an idle machine.
func wantUnavailable(t *testing.T, g *Gate) {
	began := time.Now()
	r := request("ann", 1)
	for what, err := range map[string]error{
		"Hold":   second(g.Hold(t.Context(), r)),
		"Settle": g.Settle(t.Context(), r.OrderID, order.Stock{ProductID: "shirt"}),
	} {
		if order.CodeOf(err) != order.CodeUnavailable {
			t.Errorf("%s = %v, want %s", what, err, order.CodeUnavailable)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func second[T any](_ T, err error) error { return err }

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// blackHole accepts connections and never answers.
func blackHole(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return l.Addr().String()
}

// The order under a key's known id may be written by the request that was
// first: its hold is not the retry's to give back.
func TestARetryThatGotNoAnswerLeavesTheHoldOfItsTwin(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := keyed(request("ann", 1), "k")
	s.accept(r)
	r.Retry = true
	c := s.gate.holdCall(r)
	c.state.Store(sent)
	c.leave()
	c.finish()
	s.gate.drops.close() // what was queued has been tried
	s.wantStock(10, 1)
}

func TestAHoldWhoseCallerLeftIsGivenBack(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(stock(1000))
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*20*time.Microsecond)
			defer cancel()
			r := request("ann", 1)
			_, err := s.gate.Hold(ctx, r)
			if err == nil {
				err = s.gate.Drop(ctx, r.ProductID, r.OrderID)
			} else if order.CodeOf(err) == order.CodeUnavailable && errors.Is(err, context.DeadlineExceeded) {
				err = nil
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	eventually(t, func() bool { return s.stock().Held == 0 })
}

// stalled is a pipeline whose flushers never run, so that calls stay queued.
func stalled() *pipeline { return &pipeline{queue: make(chan *call, 2)} }

func TestACallWhoseCallerLeftIsNeverSent(t *testing.T) {
	t.Parallel()
	p := stalled()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	undone := false
	if _, err := p.do(ctx, &call{undo: func() { undone = true }}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if calls := p.batch(<-p.queue); len(calls) != 0 || undone {
		t.Fatalf("%d calls would be sent; undone: %v", len(calls), undone)
	}
}

func TestACallLeftUnderWayIsUndoneWhenItEnds(t *testing.T) {
	t.Parallel()
	undone := 0
	c := &call{undo: func() { undone++ }}
	c.state.Store(sent)
	if !c.leave() || undone != 0 {
		t.Fatal("undone before Redis has answered")
	}
	c.finish()
	if undone != 1 {
		t.Fatalf("undone %d times", undone)
	}
}

func TestAFullQueueIsOverloaded(t *testing.T) {
	t.Parallel()
	p := stalled()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range cap(p.queue) {
		_, _ = p.do(ctx, &call{})
	}
	if _, err := p.do(ctx, &call{}); order.CodeOf(err) != order.CodeOverloaded {
		t.Fatal(err)
	}
}

func TestABatchIsBounded(t *testing.T) {
	t.Parallel()
	p := &pipeline{queue: make(chan *call, 2*maxBatch)}
	for range 2 * maxBatch {
		p.queue <- &call{}
	}
	if calls := p.batch(<-p.queue); len(calls) != maxBatch {
		t.Fatalf("%d calls in a batch", len(calls))
	}
}

func TestCloseTriesQueuedDrops(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	g, err := Open(Config{URL: redisURL(t), Prefix: s.gate.prefix, Log: zerolog.Nop()})
	must(t, err)
	for range 5 {
		r := request("ann", 1)
		s.hold(r)
		g.drops.add("shirt", r.OrderID)
	}
	must(t, g.Close())
	s.wantStock(10, 0)
}

func TestDropsAreBounded(t *testing.T) {
	t.Parallel()
	d := &dropper{queue: make(chan drop, 1)}
	id := request("ann", 1).OrderID
	if !d.add("shirt", id) || d.add("shirt", id) {
		t.Fatal("the queue has no bound")
	}
}

func TestOpenKeepsThePasswordOutOfItsError(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"redis://:secret@host:port", "http://:secret@host", "redis://:secret@host?addr=x&bad=1"} {
		g, err := Open(Config{URL: url})
		if err == nil {
			_ = g.Close()
			t.Fatalf("Open(%q) succeeds", url)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("Open = %v", err)
		}
	}
}

func TestKeysOfAProductShareASlot(t *testing.T) {
	t.Parallel()
	g := &Gate{prefix: "x:"}
	for _, key := range append(g.keys("shirt"), g.idempotencyKey("shirt", "a{b}", "c")) {
		if !strings.HasPrefix(key, "x:gate:{shirt}:") {
			t.Errorf("%s: the first braces are not the product's", key)
		}
	}
}
