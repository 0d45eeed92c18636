package board

import (
	"math"
	"time"

	"order-service/order"
)

// window is how far back rates and quantiles look.
const window = 5 * time.Second

// sample is what the process had counted at one moment.
type sample struct {
	Counts
	at time.Time
}

// rates turns counts since the process began into rates of the last few
// seconds. It remembers the samples of one window.
type rates struct{ samples []sample }

// intake adds a sample and returns what has changed over the window: nothing
// is known before there are two samples, and no quantile without an order.
func (r *rates) intake(now sample) intake {
	for len(r.samples) > 0 && now.at.Sub(r.samples[0].at) > window+every/2 {
		r.samples = r.samples[1:]
	}
	r.samples = append(r.samples, now)
	first := r.samples[0]
	seconds := now.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return intake{}
	}
	accepted, total := since(now.Accepted, first.Accepted)
	shown := intake{
		PerSecond: new(rounded(float64(total) / seconds)), RefusedPerSecond: refusedPerSecond(now, first, seconds),
	}
	if total > 0 {
		shown.P50MS, shown.P99MS = new(quantile(0.5, now.Bounds, accepted, total)), new(quantile(0.99, now.Bounds, accepted, total))
	}
	return shown
}

// since subtracts what was counted before.
func since(now, before []uint64) (counts []uint64, total uint64) {
	counts = make([]uint64, len(now))
	for i := range now {
		counts[i] = now[i] - before[i]
		total += counts[i]
	}
	return counts, total
}

// refusedPerSecond names every code that has occurred since the process began,
// so that lines do not vanish from a chart, and the two of which every sale has
// some.
func refusedPerSecond(now, before sample, seconds float64) map[order.Code]float64 {
	perSecond := map[order.Code]float64{order.CodeSoldOut: 0, order.CodeOverloaded: 0}
	for code, count := range now.Refused {
		if count > 0 {
			perSecond[code] = rounded(float64(count-before.Refused[code]) / seconds)
		}
	}
	return perSecond
}

// quantile estimates a quantile in milliseconds from a histogram, as
// Prometheus' histogram_quantile does: evenly within a bucket, and at most the
// last bound.
func quantile(q float64, bounds []time.Duration, counts []uint64, total uint64) float64 {
	rank, below := q*float64(total), 0.0
	for i, bound := range bounds {
		in := float64(counts[i])
		if below+in >= rank && in > 0 {
			from := time.Duration(0)
			if i > 0 {
				from = bounds[i-1]
			}
			return rounded(milliseconds(from) + milliseconds(bound-from)*(rank-below)/in)
		}
		below += in
	}
	return milliseconds(bounds[len(bounds)-1])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rounded leaves as many digits as anybody reads.
func rounded(v float64) float64 { return math.Round(v*100) / 100 }
