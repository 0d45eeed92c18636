package metrics

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// histogram counts whole numbers (nanoseconds, sizes) in buckets. Observing is
// a search and two atomic additions, whoever observes at the same time.
type histogram struct {
	desc   *prometheus.Desc
	labels []string
	scale  float64 // how many there are in one unit of the metric's name
	bounds []int64 // upper bounds, inclusive, ascending; there is one more bucket above the last
	counts []atomic.Uint64
	sum    atomic.Int64

	examples []atomic.Pointer[prometheus.Exemplar] // the last of each bucket that was traced
}

func newHistogram(desc *prometheus.Desc, scale float64, bounds []int64, labels []string) *histogram {
	return &histogram{
		desc: desc, labels: slices.Clone(labels), scale: scale, bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1),
		examples: make([]atomic.Pointer[prometheus.Exemplar], len(bounds)+1),
	}
}

func (h *histogram) observe(v int64) {
	bucket, _ := slices.BinarySearch(h.bounds, v)
	h.counts[bucket].Add(1)
	h.sum.Add(v)
}

// exemplify notes the trace of something that was observed, "" for none: a
// slow bucket then leads to one that was slow.
func (h *histogram) exemplify(v int64, traceID string) {
	if traceID == "" {
		return
	}
	bucket, _ := slices.BinarySearch(h.bounds, v)
	h.examples[bucket].Store(&prometheus.Exemplar{
		Value: float64(v) / h.scale, Labels: prometheus.Labels{"trace_id": traceID}, Timestamp: time.Now(),
	})
}

// read returns the count of each bucket.
func (h *histogram) read() []uint64 {
	counts := make([]uint64, len(h.counts))
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
	}
	return counts
}

// export adds the buckets up, as Prometheus wants them.
func (h *histogram) export() prometheus.Metric {
	var count uint64
	buckets := make(map[float64]uint64, len(h.bounds))
	for i, n := range h.read() {
		count += n
		if i < len(h.bounds) {
			buckets[float64(h.bounds[i])/h.scale] = count
		}
	}
	metric := prometheus.MustNewConstHistogram(h.desc, count, float64(h.sum.Load())/h.scale, buckets, h.labels...)
	if examples := h.exemplars(); len(examples) > 0 {
		return prometheus.MustNewMetricWithExemplars(metric, examples...)
	}
	return metric
}

func (h *histogram) exemplars() (all []prometheus.Exemplar) {
	for i := range h.examples {
		if example := h.examples[i].Load(); example != nil {
			all = append(all, *example)
		}
	}
	return all
}

// histograms is a family of histograms with the same labels and buckets.
type histograms struct {
	desc   *prometheus.Desc
	scale  float64
	bounds []int64

	mu       sync.RWMutex
	children map[string]*histogram // by label values
}

// sizes registers a family of histograms of sizes.
func sizes(r prometheus.Registerer, name, help string, bounds []int64, labels ...string) *histograms {
	return newHistograms(r, name, help, 1, bounds, labels)
}

// timers registers a family of histograms of durations, exported in seconds.
func timers(r prometheus.Registerer, name, help string, bounds []time.Duration, labels ...string) *histograms {
	return newHistograms(r, name, help, float64(time.Second), nanoseconds(bounds), labels)
}

func newHistograms(r prometheus.Registerer, name, help string, scale float64, bounds []int64, labels []string) *histograms {
	h := &histograms{
		desc:  prometheus.NewDesc(namespace+"_"+name, help, labels, nil),
		scale: scale, bounds: bounds, children: map[string]*histogram{},
	}
	r.MustRegister(h)
	return h
}

func nanoseconds(bounds []time.Duration) []int64 {
	ns := make([]int64, len(bounds))
	for i, bound := range bounds {
		ns[i] = int64(bound)
	}
	return ns
}

// with returns the histogram of these label values, always the same.
func (h *histograms) with(values ...string) *histogram {
	key := strings.Join(values, "\xff")
	h.mu.RLock()
	child := h.children[key]
	h.mu.RUnlock()
	if child != nil {
		return child
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if child = h.children[key]; child == nil {
		child = newHistogram(h.desc, h.scale, h.bounds, values)
		h.children[key] = child
	}
	return child
}

// Describe implements prometheus.Collector.
func (h *histograms) Describe(descs chan<- *prometheus.Desc) { descs <- h.desc }

// Collect implements prometheus.Collector.
func (h *histograms) Collect(metrics chan<- prometheus.Metric) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, child := range h.children {
		metrics <- child.export()
	}
}
