package engine

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// durations are of all magnitudes that a request may take.
func durations() *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		limit := int64(1) << rapid.IntRange(0, topBits).Draw(t, "magnitude")
		return time.Duration(rapid.Int64Range(0, limit-1).Draw(t, "ns"))
	})
}

func record(all []time.Duration) *Histogram {
	h := &Histogram{}
	for _, d := range all {
		h.Record(d)
	}
	return h
}

func TestQuantilesAreThoseOfTheSortedDurations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(durations(), 1, 300).Draw(t, "all")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		h := record(all)
		slices.Sort(all)
		exact := all[max(int(math.Ceil(q*float64(len(all)))), 1)-1]
		got := h.Quantile(q)
		if got < exact || got > exact+exact/perOctave || got > h.Max() {
			t.Fatalf("quantile %v of %d is %v, want %v to within 1.6 %%", q, len(all), got, exact)
		}
		if h.Max() != all[len(all)-1] || h.Count() != uint64(len(all)) {
			t.Fatalf("max %v of %d, want %v of %d", h.Max(), h.Count(), all[len(all)-1], len(all))
		}
	})
}

func TestSumOfHistogramsIsTheHistogramOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOf(durations()).Draw(t, "before")
		after := rapid.SliceOfN(durations(), 1, -1).Draw(t, "after")
		sum, all := record(before), record(slices.Concat(before, after))
		sum.Add(record(after))
		if sum.Count() != all.Count() || sum.Max() != all.Max() || sum.Quantile(.5) != all.Quantile(.5) {
			t.Fatal("the sum differs")
		}
		since, want := all.Since(record(before)), record(after)
		if since.Count() != want.Count() || since.Quantile(.5) < want.Quantile(.5) || since.Max() < want.Max() {
			t.Fatalf("since then %v of %d, want %v of %d", since.Quantile(.5), since.Count(), want.Quantile(.5), want.Count())
		}
	})
}

func TestDurationsPastTheRangeCountAsTheLongest(t *testing.T) {
	h := record([]time.Duration{time.Millisecond, time.Hour})
	if h.Quantile(1) != time.Hour || h.Max() != time.Hour {
		t.Errorf("quantile 1 is %v, the longest %v; want an hour", h.Quantile(1), h.Max())
	}
}

func TestEmptyHistogramHasNoQuantiles(t *testing.T) {
	h := &Histogram{}
	if h.Quantile(.99) != 0 || h.Max() != 0 {
		t.Error("something is not 0")
	}
}
