package metrics

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	mu       sync.RWMutex
	counters map[string]*sdkCounter
	gauges   map[string]*sdkGauge
	timers   map[string]*histogram
}

type sdkCounter struct {
	sdkName
	value atomic.Int64
}

type sdkGauge struct {
	sdkName
	bits atomic.Uint64
}

// sdkName is a metric's name with its labels.
type sdkName struct {
	desc   *prometheus.Desc
	values []string
}

func newSDK(r prometheus.Registerer) *SDK {
	s := &SDK{counters: map[string]*sdkCounter{}, gauges: map[string]*sdkGauge{}, timers: map[string]*histogram{}}
	r.MustRegister(s)
	return s
}

// Counter returns what adds to a counter.
func (s *SDK) Counter(name string, labels map[string]string) func(int64) {
	name = strings.TrimSuffix(name, "_total") + "_total"
	counter := sdkMetric(s, s.counters, name, labels, func(n sdkName) *sdkCounter { return &sdkCounter{sdkName: n} })
	return func(n int64) { counter.value.Add(n) }
}

// Gauge returns what sets a gauge.
func (s *SDK) Gauge(name string, labels map[string]string) func(float64) {
	gauge := sdkMetric(s, s.gauges, name, labels, func(n sdkName) *sdkGauge { return &sdkGauge{sdkName: n} })
	return func(v float64) { gauge.bits.Store(math.Float64bits(v)) }
}

// Timer returns what adds to a histogram of seconds.
func (s *SDK) Timer(name string, labels map[string]string) func(time.Duration) {
	timer := sdkMetric(s, s.timers, name+"_seconds", labels, func(n sdkName) *histogram {
		return newHistogram(n.desc, float64(time.Second), nanoseconds(sdkBounds), n.values)
	})
	return func(d time.Duration) { timer.observe(int64(d)) }
}

// sdkMetric returns the metric of a name and its labels. The first to ask for
// it has it made.
func sdkMetric[M any](s *SDK, known map[string]M, name string, labels map[string]string, create func(sdkName) M) M {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(labels)), func(key string) bool {
		return slices.Contains(sdkDropped, key) || labels[key] == "none" // the SDK's word for nothing
	})
	id := name
	values := make([]string, len(keys))
	for i, key := range keys {
		values[i] = labels[key]
		id += "\xff" + key + "\xff" + values[i]
	}
	s.mu.RLock()
	metric, ok := known[id]
	s.mu.RUnlock()
	if ok {
		return metric
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if metric, ok = known[id]; !ok {
		metric = create(sdkName{prometheus.NewDesc(name, "See the Temporal SDK metrics reference.", keys, nil), values})
		known[id] = metric
	}
	return metric
}

// Describe implements prometheus.Collector.
func (s *SDK) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *SDK) Collect(metrics chan<- prometheus.Metric) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.counters {
		metrics <- c.export(prometheus.CounterValue, float64(c.value.Load()))
	}
	for _, g := range s.gauges {
		metrics <- g.export(prometheus.GaugeValue, math.Float64frombits(g.bits.Load()))
	}
	for _, t := range s.timers {
		metrics <- t.export()
	}
}

func (n sdkName) export(kind prometheus.ValueType, v float64) prometheus.Metric {
	return prometheus.MustNewConstMetric(n.desc, kind, v, n.values...)
}
