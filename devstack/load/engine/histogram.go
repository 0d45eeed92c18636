package engine

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// A Histogram counts durations in log-linear buckets, as HdrHistogram does: 64
// to each power of two, so a value is known to within 1.6 %. It reaches from a
// nanosecond to a quarter of an hour. The zero value is empty; all methods may
// be called while others record.
type Histogram struct {
	counts [buckets]atomic.Uint64
	max    atomic.Int64
}

const (
	perOctave = 64
	topBits   = 40 // of the largest value told apart, 18 minutes
	buckets   = (topBits - 6 + 1) * perOctave
)

// bucket is where v nanoseconds are counted. Up to 127 each has its own bucket.
func bucket(v int64) int {
	if v < 0 {
		return 0
	}
	shift := max(bits.Len64(uint64(v))-7, 0)
	return min(shift*perOctave+int(v>>shift), buckets-1)
}

// upper is the largest value counted in bucket i; there is none for the last.
func upper(i int) int64 {
	if i == buckets-1 {
		return math.MaxInt64
	}
	if i < 2*perOctave {
		return int64(i)
	}
	shift := i/perOctave - 1
	return int64(i%perOctave+perOctave+1)<<shift - 1
}

// Record counts d.
func (h *Histogram) Record(d time.Duration) {
	h.counts[bucket(int64(d))].Add(1)
	h.raise(int64(d))
}

func (h *Histogram) raise(v int64) {
	for {
		highest := h.max.Load()
		if v <= highest || h.max.CompareAndSwap(highest, v) {
			return
		}
	}
}

// Add counts everything that other has counted.
func (h *Histogram) Add(other *Histogram) {
	for i := range other.counts {
		if n := other.counts[i].Load(); n > 0 {
			h.counts[i].Add(n)
		}
	}
	h.raise(other.max.Load())
}

// Since returns what was counted since earlier, a copy made of h by Add. Its
// Max is known to within a bucket.
func (h *Histogram) Since(earlier *Histogram) *Histogram {
	since := &Histogram{}
	for i := range h.counts {
		n := h.counts[i].Load() - earlier.counts[i].Load()
		if n > 0 {
			since.counts[i].Store(n)
			since.raise(min(upper(i), h.max.Load()))
		}
	}
	return since
}

// Count is how many durations were recorded.
func (h *Histogram) Count() (n uint64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// Quantile returns a duration that a share q, from 0 to 1, of those recorded
// did not exceed; 0 when there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	count := h.Count()
	if count == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(count))), 1)
	var seen uint64
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= rank {
			return min(time.Duration(upper(i)), h.Max())
		}
	}
	return h.Max()
}

// Max is the longest duration recorded.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }
