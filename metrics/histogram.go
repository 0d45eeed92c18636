package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// timer is a histogram of durations, exported in seconds.
type timer struct{ prometheus.Observer }

func (t timer) observe(d time.Duration) { t.Observe(d.Seconds()) }

// trace observes what has a trace, "" for none, as an example of its bucket:
// a slow one then leads to something that was slow.
func (t timer) trace(d time.Duration, traceID string) {
	if traceID == "" {
		t.observe(d)
		return
	}
	t.Observer.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": traceID})
}

// timers is a family of timers with the same labels and buckets.
type timers struct{ *prometheus.HistogramVec }

func newTimers(r prometheus.Registerer, name, help string, bounds []time.Duration, labels ...string) timers {
	return timers{histogramVec(r, name, help, seconds(bounds), labels)}
}

// with returns the timer of these label values, always the same.
func (t timers) with(values ...string) timer { return timer{t.WithLabelValues(values...)} }

func seconds(bounds []time.Duration) []float64 {
	s := make([]float64, len(bounds))
	for i, bound := range bounds {
		s[i] = bound.Seconds()
	}
	return s
}

// histogramVec registers a family of histograms.
func histogramVec(r prometheus.Registerer, name, help string, buckets []float64, labels []string) *prometheus.HistogramVec {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(vec)
	return vec
}
