package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// Where the provider takes requests.
const (
	initiating = "/payments/initiate"
	refunding  = "/payments/refund"
)

// provider is a payment provider that keeps count. As the API demands of one,
// it answers a repeated Idempotency-Key with the first answer. Like Stripe and
// others it refuses a key that comes back with another request.
type provider struct {
	url string

	mu       sync.Mutex
	troubles map[string]trouble        // by path
	requests map[string][]byte         // by idempotency key: the first body
	tried    map[string]int            // by idempotency key: requests, whatever became of them
	payments map[string]string         // by idempotency key: the payment's id
	refunds  map[string]map[string]int // by payment id: calls by idempotency key
	gate     chan struct{}             // initiations wait until it is closed; nil: they do not
	arrived  chan uuid.UUID            // orders whose initiation is waiting
}

func newProvider(t *testing.T) *provider {
	p := &provider{
		troubles: map[string]trouble{}, requests: map[string][]byte{}, tried: map[string]int{},
		payments: map[string]string{}, refunds: map[string]map[string]int{}, arrived: make(chan uuid.UUID, 64),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+initiating, p.troubled(p.initiate))
	mux.HandleFunc("POST "+refunding, p.troubled(p.refund))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// meet has requests to path meet the trouble, until it is nil.
func (p *provider) meet(path string, t trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles[path] = t
}

func (p *provider) troubled(work http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !p.known(r) {
			http.Error(w, "this Idempotency-Key was used for another request", http.StatusUnprocessableEntity)
			return
		}
		p.mu.Lock()
		trouble := p.troubles[r.URL.Path]
		p.mu.Unlock()
		if trouble == nil {
			work(w, r)
			return
		}
		trouble(work)(w, r)
	}
}

// known counts the request by its key, and reports whether it is the one that
// the key stands for.
func (p *provider) known(r *http.Request) bool {
	key := r.Header.Get("Idempotency-Key")
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tried[key]++
	if err != nil { // the client died meanwhile
		return false
	}
	if p.requests[key] == nil {
		p.requests[key] = body
	}
	return bytes.Equal(p.requests[key], body)
}

// tries is how often a request came under key.
func (p *provider) tries(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tried[key]
}

// block makes initiations wait for the returned function, which may be called
// more than once.
func (p *provider) block(t *testing.T) (release func()) {
	gate := make(chan struct{})
	release = sync.OnceFunc(func() { close(gate) })
	p.mu.Lock()
	p.gate = gate
	p.mu.Unlock()
	t.Cleanup(release) // before the server's Close, which waits for its requests
	return release
}

func (p *provider) initiate(w http.ResponseWriter, r *http.Request) {
	var body struct{ OrderID uuid.UUID }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	if gate != nil {
		p.arrived <- body.OrderID
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
	}
	id := p.payment(r.Header.Get("Idempotency-Key"))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"paymentId": id, "paymentLink": p.url + "/pay/" + id})
}

// payment returns the payment made under key, making it on first use.
func (p *provider) payment(key string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.payments[key] == "" {
		p.payments[key] = "pay-" + uuid.NewString()
	}
	return p.payments[key]
}

// paymentOf returns the payment that was made for the order, "" for none.
func (p *provider) paymentOf(orderID uuid.UUID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.payments[orderID.String()]
}

func (p *provider) refund(w http.ResponseWriter, r *http.Request) {
	var body struct{ PaymentID string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refunds[body.PaymentID] == nil {
		p.refunds[body.PaymentID] = map[string]int{}
	}
	p.refunds[body.PaymentID][r.Header.Get("Idempotency-Key")]++
	w.WriteHeader(http.StatusOK)
}

// refunded is how often the payment was given back: calls with one key are one
// refund.
func (p *provider) refunded(paymentID string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.refunds[paymentID])
}

// refundedPayments is how many payments were given back.
func (p *provider) refundedPayments() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.refunds)
}

// checkRefunds fails the test for each payment that was given back twice.
func (p *provider) checkRefunds(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, keys := range p.refunds {
		if len(keys) != 1 {
			t.Errorf("payment %s was refunded %d times", id, len(keys))
		}
	}
}

// initiated is how many payments were made.
func (p *provider) initiated() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.payments)
}
