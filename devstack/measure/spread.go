package measure

import (
	"math"
	"slices"
)

// Spread is how a figure varied from slice to slice.
type Spread struct {
	Median, Low, High, Q1, Q3 float64
}

// SpreadOf sorts values; without any it is all NaN.
func SpreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	return Spread{
		Median: quantile(sorted, .5), Low: quantile(sorted, 0), High: quantile(sorted, 1),
		Q1: quantile(sorted, .25), Q3: quantile(sorted, .75),
	}
}

// quantile interpolates between neighbours, as R's type 7 and NumPy do.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}
