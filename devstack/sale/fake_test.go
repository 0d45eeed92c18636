package sale

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"order-service/order"
)

// fakeShop is the service's API as far as buyers see it. An order waits for
// its payment at once; nobody's payment window is longer than window.
type fakeShop struct {
	url    string
	window time.Duration

	mu       sync.Mutex
	units    map[string]int64 // available, by product
	sold     int64
	orders   map[string]*fakeOrder
	keys     []string // of POST /orders, also of those that were refused
	refusals []int    // statuses of the next POST /orders
	noStream int      // what streams are refused with; 0: they are not
	resumed  []string // Last-Event-IDs
	there    int      // orders that are open now
	most     int      // that were open at once
}

type fakeOrder struct {
	status  order.Status
	seq     int64
	changed chan struct{} // closed at the next change
}

func newFakeShop(t *testing.T) *fakeShop {
	t.Helper()
	s := &fakeShop{window: time.Minute, units: map[string]int64{}, orders: map[string]*fakeOrder{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/products/{id}", s.product)
	mux.HandleFunc("PUT /admin/products/{id}", s.putProduct)
	mux.HandleFunc("POST /admin/products/{id}/restock", s.restock)
	mux.HandleFunc("POST /orders", s.create)
	mux.HandleFunc("GET /orders/{id}", s.poll)
	mux.HandleFunc("GET /orders/{id}/events", s.stream)
	mux.HandleFunc("POST /orders/{id}/cancel", s.cancel)
	mux.HandleFunc("GET /sandbox/pay", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /sandbox/pay", s.pay)
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	s.url = server.URL
	return s
}

func (s *fakeShop) create(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct{ ProductID string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	if len(s.refusals) > 0 {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(s.refusals[0])
		s.refusals = s.refusals[1:]
		return
	}
	if s.units[body.ProductID] == 0 {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"code":"sold-out"}`)
		return
	}
	s.units[body.ProductID]--
	s.sold++
	id := fmt.Sprint("o", len(s.orders))
	s.orders[id] = &fakeOrder{status: order.PaymentPending, seq: 3, changed: make(chan struct{})}
	s.there++
	s.most = max(s.most, s.there)
	time.AfterFunc(s.window, func() { s.end(id, order.Failed) })
	w.Header().Set("Location", "/orders/"+id)
	w.WriteHeader(http.StatusAccepted)
}

func (s *fakeShop) end(id string, as order.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	if o.status.Final() {
		return
	}
	o.status, o.seq = as, o.seq+1
	s.there--
	close(o.changed)
}

func (s *fakeShop) look(id string) (body string, seq int64, final bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	body = fmt.Sprintf(`{"seq":%d,"status":%q,"paymentUrl":"%s/sandbox/pay?order=%s"}`, o.seq, o.status, s.url, id)
	return body, o.seq, o.status.Final(), o.changed
}

func (s *fakeShop) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.resumed = append(s.resumed, r.Header.Get("Last-Event-ID"))
	refused := s.noStream
	s.mu.Unlock()
	if refused != 0 {
		w.WriteHeader(refused)
		return
	}
	fmt.Fprint(w, "retry: 1000\n\n:\n\n")
	for {
		body, seq, final, changed := s.look(r.PathValue("id"))
		if fmt.Sprint(seq) != r.Header.Get("Last-Event-ID") {
			fmt.Fprintf(w, "event: progress\nid: %d\ndata: %s\n\n", seq, body)
		}
		w.(http.Flusher).Flush()
		if final {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// watched reports whether a buyer has come back to an order that he has placed.
func (s *fakeShop) watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.resumed) > 0
}

func (s *fakeShop) poll(w http.ResponseWriter, r *http.Request) {
	body, seq, _, changed := s.look(r.PathValue("id"))
	if r.Header.Get("If-None-Match") == fmt.Sprintf("%q", fmt.Sprint(seq)) {
		select {
		case <-changed:
		case <-r.Context().Done():
		}
		body, _, _, _ = s.look(r.PathValue("id"))
	}
	fmt.Fprint(w, body)
}

func (s *fakeShop) cancel(_ http.ResponseWriter, r *http.Request) {
	s.end(r.PathValue("id"), order.Cancelled)
}

func (s *fakeShop) pay(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.FormValue("choice") {
	case "pay":
		s.end(r.FormValue("order"), order.Confirmed)
	case "decline":
		s.end(r.FormValue("order"), order.Failed)
	}
}

func (s *fakeShop) product(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	units, found := s.units[r.PathValue("id")]
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	fmt.Fprintf(w, `{"ledger":{"available":%d,"confirmed":%d}}`, units, s.sold)
}

func (s *fakeShop) putProduct(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct{ Stock int64 }
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.units[r.PathValue("id")] = body.Stock - s.sold
}

func (s *fakeShop) restock(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct{ Quantity int64 }
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.units[r.PathValue("id")] += body.Quantity
}
