package board

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

// sale is a board's source in memory. Its fields may be changed under mu.
type sale struct {
	mu       sync.Mutex
	overview order.Overview
	process  Counts
	lag      int64
	storeErr error
	busErr   error
	readings int
}

func newSale() *sale {
	return &sale{
		overview: order.Overview{
			At: time.Now(), ByStatus: map[order.Status]int64{order.Confirmed: 9, order.Pending: 1}, PlacedPerSecond: 2.5,
			OldestPending: 120 * time.Millisecond, OutboxRows: 2, OutboxAge: 40 * time.Millisecond,
			Awaited: 3, AwaitedMoney: []order.Money{{Amount: 56700, Currency: "EUR"}},
			Payments: map[order.PaymentState]int64{order.PaymentRefunding: 4},
			Products: []order.Product{{
				ID: "sneaker", Name: "Aurora <sneaker>", Currency: "EUR", UnitPrice: 18900,
				Ledger: order.Ledger{Total: 200, Available: 150, Reserved: 20, Confirmed: 30},
			}},
		},
		process: Counts{
			Bounds: []time.Duration{time.Millisecond, 10 * time.Millisecond}, Accepted: []uint64{0, 0, 0},
			Refused: map[order.Code]uint64{}, Streams: 14,
		},
		lag: 7,
	}
}

func (f *sale) change(by func(*sale)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by(f)
}

func (f *sale) Overview(context.Context) (order.Overview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readings++
	return f.overview, f.storeErr
}

func (f *sale) Lag(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lag, f.busErr
}

func (f *sale) Process() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.process
}

func (f *sale) read() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readings
}

// broken panics where it is asked.
type broken struct{ *sale }

func (broken) Overview(context.Context) (order.Overview, error) { panic("overview") }
func (broken) Lag(context.Context) (int64, error)               { panic("lag") }

func TestAPanicInAReadingCostsTheReadingAlone(t *testing.T) {
	g := &gatherer{
		source: broken{newSale()}, log: zerolog.Nop(),
		checks: []Check{{Name: "redis", Ping: func(context.Context) error { panic("ping") }}},
	}
	f := g.figures(t.Context())
	if f.overview != nil || f.lag != nil || len(f.away) != 1 {
		t.Errorf("read %v and %v, %d checks fail", f.overview, f.lag, len(f.away))
	}
}

// show runs test with a board of f, on a clock of its own.
func show(t *testing.T, f *sale, test func(*testing.T, *Board), checks ...Check) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Source: f, Checks: checks, Version: "test", Log: zerolog.Nop()})
		defer b.Close()
		test(t, b)
	})
}

// watching is an open stream of the board.
type watching struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
}

// watch opens a stream that is read to its end.
func watch(t *testing.T, b *Board) *watching {
	t.Helper()
	if err := b.Admit(); err != nil {
		t.Fatal(err)
	}
	client, _ := pipe(b, time.Now().Add(time.Hour))
	return &watching{t, client, bufio.NewReader(client)}
}

// next returns the next event's name and data; "" and its text for a retry.
func (w *watching) next() (event, data string) {
	w.t.Helper()
	for {
		line, err := w.lines.ReadString('\n')
		if err != nil {
			w.t.Fatalf("the stream ended with %v", err)
		}
		line = strings.TrimSuffix(line, "\n")
		switch name, value, _ := strings.Cut(line, ": "); {
		case line == "":
			return event, data
		case name == "event":
			event = value
		case name == "data":
			data = value
		case name == "retry":
			data = line
		}
	}
}

// point returns the next point as JSON, past retry and history.
func (w *watching) point() map[string]any {
	w.t.Helper()
	for {
		event, data := w.next()
		if event != "board" {
			continue
		}
		var p map[string]any
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			w.t.Fatal(err)
		}
		return p
	}
}

func TestBoardSendsAPointAtOnceAndThenOneASecond(t *testing.T) {
	show(t, newSale(), func(t *testing.T, b *Board) {
		begun := time.Now()
		w := watch(t, b)
		if _, data := w.next(); !strings.HasPrefix(data, "retry: ") {
			t.Errorf("begins with %q", data)
		}
		if event, data := w.next(); event != "history" || data != "[]" {
			t.Errorf("then %s %s", event, data)
		}
		for i := range 3 {
			w.point()
			if took := time.Since(begun); took != time.Duration(i)*every {
				t.Errorf("point %d came after %v", i, took)
			}
		}
	})
}

func TestPointShowsEveryFigure(t *testing.T) {
	f := newSale()
	show(t, f, func(t *testing.T, b *Board) {
		w := watch(t, b)
		w.point()
		f.change(func(f *sale) {
			f.process.Accepted = []uint64{98, 2, 0}
			f.process.Refused = map[order.Code]uint64{order.CodeSoldOut: 50, order.CodeValidation: 1}
		})
		p := w.point()
		delete(p, "at")
		if !strings.HasPrefix(p["process"].(string), "test on ") {
			t.Errorf("process %v", p["process"])
		}
		delete(p, "process")
		got, _ := json.Marshal(p)
		want := `{"consumer":{"lag":7},"health":{"level":"ok","reasons":[]},"intake":{"p50Ms":0.51,"p99Ms":5.5,"perSecond":100,` +
			`"refusedPerSecond":{"overloaded":0,"sold-out":50,"validation":1}},` +
			`"orders":{"byStatus":{"CONFIRMED":9,"PENDING":1},"oldestPendingMs":120,"perSecond":2.5},"outbox":{"oldestMs":40,"rows":2},` +
			`"payments":{"mismatched":0,"open":3,"openMoney":[{"amount":56700,"currency":"EUR"}],"refunding":4},` +
			`"products":[{"available":150,"confirmed":30,"currency":"EUR","name":"Aurora \u003csneaker\u003e","productId":"sneaker",` +
			`"reserved":20,"state":"open","total":200,"unitPrice":18900}],"streams":14}`
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestFigureThatCannotBeHadIsNullAndHealthSaysWhy(t *testing.T) {
	f := newSale()
	f.storeErr, f.busErr = errors.New("no postgres"), errors.New("no kafka")
	broken := func(context.Context) error { return errors.New("down") }
	show(t, f, func(t *testing.T, b *Board) {
		p := watch(t, b).point()
		orders, outbox, payments := p["orders"].(map[string]any), p["outbox"].(map[string]any), p["payments"].(map[string]any)
		for name, figure := range map[string]any{
			"perSecond": orders["perSecond"], "byStatus": orders["byStatus"], "oldestPendingMs": orders["oldestPendingMs"],
			"rows": outbox["rows"], "open": payments["open"], "openMoney": payments["openMoney"], "products": p["products"],
			"lag": p["consumer"].(map[string]any)["lag"], "p99Ms": p["intake"].(map[string]any)["p99Ms"],
		} {
			if figure != nil {
				t.Errorf("%s is %v", name, figure)
			}
		}
		health := p["health"].(map[string]any)
		reasons := fmt.Sprint(health["reasons"])
		if health["level"] != "critical" || !strings.HasPrefix(reasons, "[Postgres") || strings.Count(reasons, "does not answer") != 2 ||
			!strings.Contains(reasons, "Temporal does not") || !strings.Contains(reasons, "Kafka is too slow") {
			t.Errorf("health %v", health)
		}
	}, Check{"postgres", true, broken}, Check{"temporal", false, broken})
}

func TestBackendThatHangsCostsAPointNoMoreThanItsFigures(t *testing.T) {
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	show(t, newSale(), func(t *testing.T, b *Board) {
		begun := time.Now()
		p := watch(t, b).point()
		if took := time.Since(begun); took != patience || p["products"] == nil || p["health"].(map[string]any)["level"] != "warning" {
			t.Errorf("%v after %v", p, took)
		}
	}, Check{"kafka", false, hangs})
}

func TestWatchersShareOneGathererAndItsHistory(t *testing.T) {
	f := newSale()
	show(t, f, func(t *testing.T, b *Board) {
		time.Sleep(time.Minute)
		if f.read() != 0 {
			t.Error("gathered though nobody watches")
		}
		first := watch(t, b)
		first.point()
		newest := first.point()
		second := watch(t, b)
		second.next() // retry
		event, data := second.next()
		var past []map[string]any
		if err := json.Unmarshal([]byte(data), &past); err != nil || event != "history" || len(past) != 1 {
			t.Fatalf("%s of %d points, %v", event, len(past), err)
		}
		if products := past[0]["products"].([]any); len(products) != 0 {
			t.Errorf("the history repeats %d products", len(products))
		}
		if p := second.point(); p["at"] != newest["at"] || len(p["products"].([]any)) == 0 {
			t.Errorf("begins with the point %v, want that of %v", p, newest["at"])
		}
		before := f.read()
		if a, b := first.point()["at"], second.point()["at"]; a != b || f.read() != before+1 {
			t.Errorf("points of %v and %v, %d readings", a, b, f.read()-before)
		}
		_, _ = first.conn.Close(), second.conn.Close()
		time.Sleep(2 * every)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.gathering || len(b.watchers) > 0 {
			t.Error("the gatherer goes on though nobody watches")
		}
	})
}

func TestBoardHasRoomForSoManyWatchers(t *testing.T) {
	show(t, newSale(), func(t *testing.T, b *Board) {
		for range maxWatchers {
			watch(t, b).point()
		}
		if err := b.Admit(); order.CodeOf(err) != order.CodeTooManyStreams {
			t.Errorf("one more is told %v", err)
		}
		refused, ended := pipe(b, time.Now().Add(time.Hour)) // it was admitted while there was room
		<-ended
		if _, err := refused.Read(make([]byte, 1)); err == nil {
			t.Error("one more was served")
		}
	})
}

func TestStreamEndsWithTheToken(t *testing.T) {
	show(t, newSale(), func(t *testing.T, b *Board) {
		begun := time.Now()
		client, ended := pipe(b, begun.Add(1500*time.Millisecond))
		go func() { _, _ = io.Copy(io.Discard, client) }()
		<-ended
		if lasted := time.Since(begun); lasted != 1500*time.Millisecond {
			t.Errorf("it lasted %v", lasted)
		}
	})
}

func TestClosedBoardAdmitsNobody(t *testing.T) {
	show(t, newSale(), func(t *testing.T, b *Board) {
		w := watch(t, b)
		w.point()
		b.Close()
		if _, err := w.lines.ReadString('\n'); err == nil {
			t.Error("its stream goes on")
		}
		if err := b.Admit(); order.CodeOf(err) != order.CodeUnavailable {
			t.Errorf("it says %v", err)
		}
	})
}

// TestPageNamesOnlyFilesThatThereAre knows the two files that all pages share.
func TestPageNamesOnlyFilesThatThereAre(t *testing.T) {
	files := New(Config{Source: newSale(), Log: zerolog.Nop()}).Files()
	page, err := fs.ReadFile(files, "board.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, named := range regexp.MustCompile(`(?:src|href)="/([^"]+\.(?:js|css))"`).FindAllStringSubmatch(string(page), -1) {
		if _, err := fs.Stat(files, named[1]); err != nil && named[1] != "style.css" && named[1] != "money.js" {
			t.Error(err)
		}
	}
}
