package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"order-service/order"
)

// figures are a board's sources in memory. Its fields may be changed under mu.
type figures struct {
	mu       sync.Mutex
	overview order.Overview
	process  ProcessFigures
	lag      int64
	storeErr error
	busErr   error
	readings int
}

func newFigures() *figures {
	return &figures{
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
		process: ProcessFigures{
			Bounds: []time.Duration{time.Millisecond, 10 * time.Millisecond}, Accepted: []uint64{0, 0, 0},
			Refused: map[order.Code]uint64{}, Streams: 14,
		},
		lag: 7,
	}
}

func (f *figures) change(by func(*figures)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by(f)
}

func (f *figures) Overview(context.Context) (order.Overview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readings++
	return f.overview, f.storeErr
}

func (f *figures) Lag(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lag, f.busErr
}

func (f *figures) Process() ProcessFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.process
}

func (f *figures) read() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readings
}

func serveBoard(t *testing.T, f *figures, checks ...Check) *site {
	t.Helper()
	return serve(t, newShop(), func(_ *Config, d *Deps) { d.Board, d.Checks = f, checks })
}

// watching is an open stream of the board.
type watching struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
	head  http.Header
}

// watch opens a stream with the header lines given, over a connection of its
// own. The server must take it.
func (s *site) watch(header string) *watching {
	s.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(streamPatience))
	fmt.Fprintf(conn, "GET /board/events HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", header)
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusOK {
		s.Fatalf("%v %v", response, err)
	}
	return &watching{s.T, conn, r, response.Header}
}

func (s *site) watchAsAdmin() *watching {
	s.Helper()
	return s.watch("Authorization: Bearer " + token(s.T, "admin"))
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

// ends waits for the server to close the stream.
func (w *watching) ends() {
	w.t.Helper()
	if _, err := io.Copy(io.Discard, w.lines); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		w.t.Fatal("the stream does not end")
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func TestBoardIsForAdministratorsOnly(t *testing.T) {
	s := serveBoard(t, newFigures())
	s.call("GET", "/board/events", "").problem(t, 401, order.CodeUnauthenticated)
	s.as("ann", "GET", "/board/events", "").problem(t, 403, order.CodeForbidden)
	s.call("GET", "/board/events", "", "Cookie", "access_token="+token(t, "ann")).problem(t, 403, order.CodeForbidden)
	s.watch("Cookie: access_token=" + token(t, "admin")).point()
}

// A login service may set the cookie for every path, so it must open nothing
// that changes anything.
func TestCookieChangesNothing(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("admin", order.PaymentPending)
	cookie := "access_token=" + token(t, "admin")
	for _, request := range []string{
		"POST /orders", "POST /orders/" + o.ID.String() + "/cancel", "PUT /admin/products/lamp", "POST /admin/products/lamp/restock",
	} {
		method, path, _ := strings.Cut(request, " ")
		s.call(method, path, `{}`, "Cookie", cookie).problem(t, 401, order.CodeUnauthenticated)
	}
	if calls := shop.seenCalls(); len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

func TestBoardSendsAPointAtOnceAndThenOneASecond(t *testing.T) {
	s := serveBoard(t, newFigures())
	begun := time.Now()
	w := s.watchAsAdmin()
	if kind := w.head.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("Content-Type %s", kind)
	}
	if _, data := w.next(); !strings.HasPrefix(data, "retry: ") {
		t.Errorf("begins with %q", data)
	}
	if event, data := w.next(); event != "history" || data != "[]" {
		t.Errorf("then %s %s", event, data)
	}
	w.point()
	if took := time.Since(begun); took > boardEvery/2 {
		t.Errorf("the first point took %v", took)
	}
	w.point()
	w.point()
	if took := time.Since(begun); took < 3*boardEvery/2 || took > 5*boardEvery {
		t.Errorf("three points took %v", took)
	}
}

func TestPointShowsEveryFigure(t *testing.T) {
	f := newFigures()
	s := serveBoard(t, f)
	w := s.watchAsAdmin()
	w.point()
	f.change(func(f *figures) {
		f.process.Accepted = []uint64{98, 2, 0}
		f.process.Refused = map[order.Code]uint64{order.CodeSoldOut: 50, order.CodeValidation: 1}
	})
	p := w.point()
	intake := p["intake"].(map[string]any)
	if rate := intake["perSecond"].(float64); rate < 50 || rate > 110 {
		t.Errorf("%v orders per second", rate)
	}
	refused := intake["refusedPerSecond"].(map[string]any)
	if refused["sold-out"].(float64) <= 0 || refused["overloaded"].(float64) != 0 || refused["validation"] == nil {
		t.Errorf("refused %v", refused)
	}
	delete(intake, "perSecond")
	delete(intake, "refusedPerSecond")
	delete(p, "at")
	if !strings.HasPrefix(p["process"].(string), "test on ") {
		t.Errorf("process %v", p["process"])
	}
	delete(p, "process")
	got, _ := json.Marshal(p)
	want := `{"consumer":{"lag":7},"health":{"level":"ok","reasons":[]},"intake":{"p50Ms":0.51,"p99Ms":5.5},` +
		`"orders":{"byStatus":{"CONFIRMED":9,"PENDING":1},"oldestPendingMs":120,"perSecond":2.5},"outbox":{"oldestMs":40,"rows":2},` +
		`"payments":{"mismatched":0,"open":3,"openMoney":[{"amount":56700,"currency":"EUR"}],"refunding":4},` +
		`"products":[{"available":150,"confirmed":30,"currency":"EUR","name":"Aurora \u003csneaker\u003e","productId":"sneaker",` +
		`"reserved":20,"state":"open","total":200,"unitPrice":18900}],"streams":14}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFigureThatCannotBeHadIsNullAndHealthSaysWhy(t *testing.T) {
	f := newFigures()
	f.storeErr, f.busErr = errors.New("no postgres"), errors.New("no kafka")
	broken := func(context.Context) error { return errors.New("down") }
	s := serveBoard(t, f, Check{"postgres", true, broken}, Check{"temporal", false, broken})
	p := s.watchAsAdmin().point()
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
}

func TestWatchersShareOneGathererAndItsHistory(t *testing.T) {
	f := newFigures()
	s := serveBoard(t, f)
	if f.read() != 0 {
		t.Error("gathered though nobody watches")
	}
	first := s.watchAsAdmin()
	first.point()
	newest := first.point()
	second := s.watchAsAdmin()
	second.next() // retry
	event, data := second.next()
	var history []map[string]any
	if err := json.Unmarshal([]byte(data), &history); err != nil || event != "history" || len(history) != 1 {
		t.Fatalf("%s of %d points, %v", event, len(history), err)
	}
	if products := history[0]["products"].([]any); len(products) != 0 {
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
	s.awaitIdle()
}

// awaitIdle waits until nobody watches and nobody gathers.
func (s *site) awaitIdle() {
	s.Helper()
	for deadline := time.Now().Add(streamPatience); ; time.Sleep(10 * time.Millisecond) {
		s.board.mu.Lock()
		idle := !s.board.gathering && len(s.board.watchers) == 0
		s.board.mu.Unlock()
		if idle {
			return
		}
		if time.Now().After(deadline) {
			s.Fatal("the gatherer goes on though nobody watches")
		}
	}
}

func TestBoardHasRoomForSoManyWatchers(t *testing.T) {
	s := serveBoard(t, newFigures())
	for range boardWatchers {
		s.watchAsAdmin().point()
	}
	s.as("admin", "GET", "/board/events", "").problem(t, 429, order.CodeTooManyStreams)
}

func TestBoardEndsWithTheToken(t *testing.T) {
	s := serveBoard(t, newFigures())
	short := signed(t, jwt.SigningMethodHS256, []byte(testSecret), jwt.MapClaims{
		"iss": testIssuer, "userId": "admin", "roles": []string{"ROLE_ADMIN"}, "exp": time.Now().Add(2 * time.Second).Unix(),
	})
	w := s.watch("Authorization: Bearer " + short)
	w.point()
	w.ends()
}

func TestBoardEndsWithTheServer(t *testing.T) {
	s := serveBoard(t, newFigures())
	w := s.watchAsAdmin()
	w.point()
	begun := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("Shutdown took %v", took)
	}
	w.ends()
	if err := s.board.admits(); order.CodeOf(err) != order.CodeUnavailable {
		t.Errorf("a stopped board says %v", err)
	}
}

func TestHeadOfTheBoardTakesNoConnection(t *testing.T) {
	s := serveBoard(t, newFigures())
	if a := s.as("admin", "HEAD", "/board/events", ""); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
}
