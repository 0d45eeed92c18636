package metrics

import (
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestBounds reach from a product list out of memory to a long poll.
var requestBounds = []time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// HTTP counts requests by route.
type HTTP struct {
	requests *prometheus.CounterVec
	took     timers
	strays   *prometheus.CounterVec
}

func newHTTP(r prometheus.Registerer) *HTTP {
	h := &HTTP{
		requests: counterVec(r, "http_requests_total", "Requests that were answered.", "method", "route", "status"),
		took: newTimers(r, "http_request_duration_seconds",
			"Time to answer a request; of an event stream, to begin it.", requestBounds, "method", "route"),
		strays: counterVec(r, "stray_reports_total",
			"Signed reports about an order that neither Postgres nor Temporal knows, or about a payment that is another order's, by their event: payment-success is money that nobody can apply.", "event"),
	}
	for _, event := range []string{"payment-success", "payment-failure"} {
		h.strays.WithLabelValues(event) // the first one is then a rise from 0, which alerts see
	}
	return h
}

// StrayReport counts a report about an order that nobody knows, or about a payment
// of another order.
func (h *HTTP) StrayReport(event string) { h.strays.WithLabelValues(event).Inc() }

// Route returns what to call for every answer of one route.
func (h *HTTP) Route(method, route string) func(status int, took time.Duration) {
	took := h.took.with(method, route)
	answers := newStatuses(h.requests.MustCurryWith(prometheus.Labels{"method": method, "route": route}))
	return func(status int, d time.Duration) {
		answers.of(status).Inc()
		took.observe(d)
	}
}

// statuses are one route's counters by status. The map is replaced when a
// status is met for the first time, and never written, so reading needs no lock.
type statuses struct {
	vec   *prometheus.CounterVec
	known atomic.Pointer[map[int]prometheus.Counter]
}

func newStatuses(vec *prometheus.CounterVec) *statuses {
	s := &statuses{vec: vec}
	s.known.Store(&map[int]prometheus.Counter{})
	return s
}

func (s *statuses) of(status int) prometheus.Counter {
	known := s.known.Load()
	if counter, ok := (*known)[status]; ok {
		return counter
	}
	counter := s.vec.WithLabelValues(strconv.Itoa(status))
	more := maps.Clone(*known)
	more[status] = counter
	s.known.CompareAndSwap(known, &more) // who loses finds the counter again next time
	return counter
}
