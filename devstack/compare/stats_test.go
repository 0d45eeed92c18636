package main

import (
	"slices"
	"testing"
)

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
