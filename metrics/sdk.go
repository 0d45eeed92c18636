package metrics

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sdkBounds suit requests to Temporal, tasks and long polls alike.
var sdkBounds = []time.Duration{
	5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	time.Second, 5 * time.Second, 20 * time.Second, time.Minute,
}

// sdkDropped are labels that are the same on everything of a process.
var sdkDropped = []string{"client_name", "namespace"}

// SDK takes the Temporal SDK's own metrics under the SDK's own names, which its
// documentation and dashboards use. Which labels a metric has is the SDK's
// choice of the moment, so this is an unchecked collector: nothing is described
// beforehand.
type SDK struct {
	mu    sync.RWMutex
	known map[string]prometheus.Metric // by name and labels
}

func newSDK(r prometheus.Registerer) *SDK {
	s := &SDK{known: map[string]prometheus.Metric{}}
	r.MustRegister(s)
	return s
}

// Counter returns what adds to a counter.
func (s *SDK) Counter(name string, labels map[string]string) func(int64) {
	counter := sdkMetric(s, strings.TrimSuffix(name, "_total")+"_total", labels, func(o prometheus.Opts) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts(o))
	})
	return func(n int64) { counter.Add(float64(n)) }
}

// Gauge returns what sets a gauge.
func (s *SDK) Gauge(name string, labels map[string]string) func(float64) {
	return sdkMetric(s, name, labels, func(o prometheus.Opts) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts(o))
	}).Set
}

// Timer returns what adds to a histogram of seconds.
func (s *SDK) Timer(name string, labels map[string]string) func(time.Duration) {
	return timer{sdkMetric(s, name+"_seconds", labels, func(o prometheus.Opts) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: o.Name, Help: o.Help, ConstLabels: o.ConstLabels, Buckets: seconds(sdkBounds),
		})
	})}.observe
}

// sdkMetric returns the metric of a name and its labels. The first to ask for
// it has it made. The SDK asks anew all the time: for a metric that is known
// nothing is allocated.
func sdkMetric[M prometheus.Metric](s *SDK, name string, all map[string]string, create func(prometheus.Opts) M) M {
	var (
		keysRoom [8]string
		idRoom   [256]byte
	)
	keys := sdkLabels(keysRoom[:0], all)
	id := append(idRoom[:0], name...)
	for _, key := range keys {
		id = append(append(append(append(id, 0xff), key...), 0xff), all[key]...)
	}
	s.mu.RLock()
	metric, ok := s.known[string(id)].(M)
	s.mu.RUnlock()
	if ok {
		return metric
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if metric, ok = s.known[string(id)].(M); !ok {
		labels := make(prometheus.Labels, len(keys))
		for _, key := range keys {
			labels[key] = all[key]
		}
		metric = create(prometheus.Opts{Name: name, Help: "See the Temporal SDK metrics reference.", ConstLabels: labels})
		s.known[string(id)] = metric
	}
	return metric
}

// sdkLabels appends to keys those of all that are kept, sorted.
func sdkLabels(keys []string, all map[string]string) []string {
	for key, value := range all {
		if value != "none" && !slices.Contains(sdkDropped, key) { // the SDK's word for nothing
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Describe implements prometheus.Collector.
func (s *SDK) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *SDK) Collect(metrics chan<- prometheus.Metric) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, metric := range s.known {
		metrics <- metric
	}
}
