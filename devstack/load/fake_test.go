package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// fakeShop is a service that keeps its promises in memory, and can be told to
// break them.
type fakeShop struct {
	url    string
	login  bool // /dev/login is there
	server *httptest.Server

	mu       sync.Mutex
	products map[string]*product
	sold     map[string]int64     // units, by product
	orders   map[uuid.UUID]string // product, by order
	keys     map[string]uuid.UUID // order, by token and key
	streams  int
	still    bool // nothing happens to an order, and its streams go on
	busy     int  // so many orders are refused for the moment
}

// taken is how many orders the shop has.
func (s *fakeShop) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orders)
}

func newFakeShop(t *testing.T) *fakeShop {
	t.Helper()
	s := &fakeShop{
		login: true, products: map[string]*product{}, sold: map[string]int64{},
		orders: map[uuid.UUID]string{}, keys: map[string]uuid.UUID{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /dev/login", s.logIn)
	mux.HandleFunc("PUT /admin/products/{id}", s.put)
	mux.HandleFunc("GET /products/{id}", s.show)
	mux.HandleFunc("GET /products", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"products": []any{}}) })
	mux.HandleFunc("POST /orders", s.order)
	mux.HandleFunc("GET /orders/{id}", s.look)
	mux.HandleFunc("GET /orders/{id}/events", s.stream)
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	s.url = s.server.URL
	return s
}

func reply(w http.ResponseWriter, status int, body any) {
	data, _ := json.Marshal(body) // it is of strings and numbers
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

func problem(w http.ResponseWriter, status int, code string) {
	reply(w, status, map[string]string{"code": code, "detail": "No."})
}

func (s *fakeShop) logIn(w http.ResponseWriter, r *http.Request) {
	var body struct{ UserID string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !s.login {
		problem(w, 404, "not-found")
		return
	}
	reply(w, 200, map[string]string{"accessToken": "token-of-" + body.UserID})
}

func (s *fakeShop) put(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &product{}
	if err := json.NewDecoder(r.Body).Decode(p); err != nil || r.Header.Get("Authorization") == "" {
		problem(w, 401, "unauthenticated")
		return
	}
	s.products[r.PathValue("id")] = p
	reply(w, 200, p)
}

func (s *fakeShop) show(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	p := s.products[id]
	if p == nil {
		problem(w, 404, "product-not-found")
		return
	}
	reply(w, 200, map[string]any{"state": "open", "available": p.Stock - s.sold[id]})
}

func (s *fakeShop) order(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct{ ProductID string }
	token, key := r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key")
	err := json.NewDecoder(r.Body).Decode(&body)
	p := s.products[body.ProductID]
	id, seen := s.keys[token+key]
	switch {
	case err != nil || p == nil || token == "":
		problem(w, 400, "malformed-json")
		return
	case s.busy > 0:
		s.busy--
		problem(w, 503, "overloaded")
		return
	case key != "" && seen:
	case s.sold[body.ProductID] >= p.Stock:
		problem(w, 409, "sold-out")
		return
	default:
		id = uuid.Must(uuid.NewV7())
		s.sold[body.ProductID]++
		s.keys[token+key], s.orders[id] = id, body.ProductID
	}
	reply(w, 202, map[string]string{"orderId": id.String()})
}

func (s *fakeShop) look(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := uuid.Parse(r.PathValue("id"))
	if _, found := s.orders[id]; err != nil || !found {
		problem(w, 404, "order-not-found")
		return
	}
	reply(w, 200, map[string]string{"orderId": id.String()})
}

// stream tells four things of an order, the last of which is final; every
// fifth stream breaks before that, and every other fifth is refused.
func (s *fakeShop) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.streams++
	n := s.streams
	s.mu.Unlock()
	if n%5 == 4 && !s.still {
		problem(w, 429, "too-many-streams")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	links := map[order.Status]string{order.PaymentPending: "https://pay.example/1"}
	tell := func(status order.Status) {
		data, _ := json.Marshal(order.ProgressEvent{Status: status, PaymentURL: links[status], OccurredAt: order.Time{Time: time.Now()}}) // it always can
		fmt.Fprintf(w, ": a comment\n\nevent: progress\nid: 1\ndata: %s\n\nevent: position\ndata: {\"position\":7}\n\n", data)
	}
	tell(order.Pending)
	if s.still {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	}
	tell(order.InventoryReserved)
	if n%5 != 3 {
		tell(order.PaymentPending)
		tell(order.Confirmed)
	}
}

// environment is a getenv of name, value, ….
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// load runs the program against s and returns what it wrote.
func (s *fakeShop) load(t *testing.T, getenv func(string) string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"--url", s.url, "--connections", "20", "--buyers", "50"}, args...)
	code = run(t.Context(), args, getenv, &out, &errs)
	return code, out.String(), errs.String()
}

// report runs the program with --json. Its figures may be void: the test's
// machine is busy.
func (s *fakeShop) report(t *testing.T, getenv func(string) string, args ...string) report {
	t.Helper()
	code, stdout, stderr := s.load(t, getenv, append(args, "--json")...)
	var r report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitOK && code != exitVoid {
		t.Fatalf("exit status %d, %v\n%s%s", code, err, stdout, stderr)
	}
	return r
}

// outcomes are the counts of a lane by status and code.
func (r laneReport) outcomes() string {
	var all []string
	for _, o := range r.Outcomes {
		all = append(all, fmt.Sprintf("%s: %d", nameOf(o.Status, o.Code), o.Count))
	}
	return strings.Join(all, ", ")
}
