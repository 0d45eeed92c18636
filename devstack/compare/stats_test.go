package main

import (
	"math"
	"slices"
	"testing"
)

func TestSpreadInterpolatesBetweenNeighbours(t *testing.T) {
	got := spreadOf([]float64{4, 1, 3, 2})
	if want := (spread{Median: 2.5, Low: 1, High: 4, Q1: 1.75, Q3: 3.25}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := spreadOf(nil); !math.IsNaN(got.Median) {
		t.Errorf("the median of nothing is %v", got.Median)
	}
}

func TestRatiosPairSlicesOfTheSameRound(t *testing.T) {
	all := []slice{
		{Contender: "a", Round: 0, Done: 10, Drained: 1}, {Contender: "b", Round: 0, Done: 5, Drained: 1},
		{Contender: "b", Round: 1, Done: 5, Drained: 0.5}, {Contender: "a", Round: 1, Done: 30, Drained: 2},
		{Contender: "a", Round: 2, Done: 7, Drained: 1}, // b's was not measured any more
	}
	if got, want := ratios(all, "a", "b"), []float64{2, 1.5}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSumAddsMetersThatOnlySomeSlicesHave(t *testing.T) {
	meters, done := sum([]slice{{Done: 2, Meters: reading{"x": 1}}, {Done: 3, Meters: reading{"x": 1, "y": 4}}})
	if done != 5 || meters["x"] != 2 || meters["y"] != 4 {
		t.Errorf("%v after %v", meters, done)
	}
}
