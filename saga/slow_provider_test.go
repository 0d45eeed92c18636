package saga

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// slow is a provider that takes its time over each call, without a network.
type slow struct {
	delay time.Duration
	calls atomic.Int64 // so far

	mu           sync.Mutex
	during, most int // calls at a time
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.calls.Add(1)
	s.count(1)
	defer s.count(-1)
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(s.delay):
	}
	answer := `{"paymentId":"pay-1","paymentLink":"https://pay.example/1"}`
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func (s *slow) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.during += n
	s.most = max(s.most, s.during)
}

func newSlow(t *testing.T, delay time.Duration, concurrency int) (*slow, *HTTPProvider) {
	t.Helper()
	p, err := NewHTTPProvider(ProviderConfig{URL: "http://pay.example", Concurrency: concurrency})
	if err != nil {
		t.Fatal(err)
	}
	s := &slow{delay: delay}
	p.client.Transport = s
	return s, p
}

func TestWaitForATurnIsNotTheProvidersTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := newSlow(t, 2*time.Second, 4)
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				if _, _, err := p.Initiate(t.Context(), testOrder); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if s.most != 4 {
			t.Errorf("%d calls at a time, want 4", s.most)
		}
	})
}

func TestProviderThatDoesNotAnswerIsLeftAfterItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := newSlow(t, time.Hour, 1)
		begun := time.Now()
		if _, _, err := p.Initiate(t.Context(), testOrder); err == nil || order.Permanent(err) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took != providerTimeout {
			t.Errorf("took %s", took)
		}
	})
}

func TestTryNeitherWaitsNorPersists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := newSlow(t, 3*time.Second, 1)
		try := func(wantCalls int64, want time.Duration) {
			t.Helper()
			begun := time.Now()
			if _, _, err := p.Try(t.Context(), testOrder); err == nil || order.Permanent(err) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begun); took != want || s.calls.Load() != wantCalls {
				t.Errorf("took %s and %d calls so far, want %s and %d", took, s.calls.Load(), want, wantCalls)
			}
		}
		go func() { _ = p.Refund(t.Context(), order.Payment{ID: "pay-1"}, "") }()
		synctest.Wait()
		try(1, 0) // no turn to be had
		time.Sleep(4 * time.Second)
		try(2, tryTimeout) // too slow
		try(2, 0)          // as was found out just now
		time.Sleep(openFor)
		s.delay = time.Second
		for range 2 { // it has recovered
			if _, _, err := p.Try(t.Context(), testOrder); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCallThatIsCutOffGivesItsTurnBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := newSlow(t, time.Second, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := p.Initiate(ctx, testOrder); err == nil {
			t.Error("it was not cut off")
		}
		if _, _, err := p.Initiate(t.Context(), testOrder); err != nil {
			t.Error(err)
		}
	})
}

// A backlog of many times what the provider is asked at once, where those that
// wait have waited longer than a call may take and a dead provider is given.
func TestServerBacklogAtASlowProviderFailsNoOrder(t *testing.T) {
	t.Parallel()
	const backlog, concurrency, delay, timeout = 60, 2, 100 * time.Millisecond, time.Second
	var most, during atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), during.Add(1)))
		defer during.Add(-1)
		time.Sleep(delay)
		_, _ = io.WriteString(w, `{"paymentId":"pay-`+r.Header.Get("Idempotency-Key")+`","paymentLink":"https://pay.example/1"}`)
	}))
	t.Cleanup(server.Close)
	p, err := NewHTTPProvider(ProviderConfig{URL: server.URL, Concurrency: concurrency})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.client.Timeout = timeout
	p.tries.record(time.Now().Add(time.Hour), false) // what orders wait for here is the regular activity
	st := newStand(t, newShop(backlog), time.Hour)
	deps := st.deps()
	deps.Provider = p
	st.worker = NewWorker(st.client, WorkerConfig{Calls: concurrency}, deps)
	t.Cleanup(st.worker.Stop)
	st.worker.steps.patience = 2 * timeout
	var ids []uuid.UUID
	for range backlog {
		ids = append(ids, st.accept())
		st.start(ids[len(ids)-1])
	}
	st.worker.Start()
	for _, id := range ids {
		st.becomes(id, order.PaymentPending)
	}
	if most.Load() > concurrency {
		t.Errorf("the provider was asked for %d payments at a time, want %d", most.Load(), concurrency)
	}
}

// A key is replaced at the provider before it is replaced here, or a gateway
// knows no route while it is deployed: every order used to fail at once.
func TestServerWaitsForAProviderThatWillKnowItsKeyAgain(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if asked.Add(1) <= 2 {
					w.WriteHeader(status)
					return
				}
				_, _ = io.WriteString(w, `{"paymentId":"pay-1","paymentLink":"https://pay.example/1"}`)
			}))
			t.Cleanup(server.Close)
			p, err := NewHTTPProvider(ProviderConfig{URL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			st := newStand(t, newShop(1), time.Hour)
			deps := st.deps()
			deps.Provider = p
			st.worker = NewWorker(st.client, WorkerConfig{}, deps)
			t.Cleanup(st.worker.Stop)
			id := st.accept()
			st.worker.Start()
			st.start(id)
			st.becomes(id, order.PaymentPending)
		})
	}
}

// becomes waits for an order to get to a status, and fails when it ends in
// another.
func (s *stand) becomes(id uuid.UUID, want order.Status) {
	s.t.Helper()
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(10 * time.Millisecond) {
		got := s.order(id)
		if got.Status == want {
			return
		}
		if got.Status.Final() {
			s.t.Fatalf("the order is %s, %s", got.Status, got.FailureReason)
		}
	}
	s.t.Fatalf("the order is still %s", s.status(id))
}
