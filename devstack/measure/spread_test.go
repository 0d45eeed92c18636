package measure

import (
	"math"
	"testing"
)

func TestSpreadInterpolatesBetweenNeighbours(t *testing.T) {
	got := SpreadOf([]float64{4, 1, 3, 2})
	if want := (Spread{Median: 2.5, Low: 1, High: 4, Q1: 1.75, Q3: 3.25}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := SpreadOf(nil); !math.IsNaN(got.Median) {
		t.Errorf("the median of nothing is %v", got.Median)
	}
}
