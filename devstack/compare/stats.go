package main

import (
	"math"
	"slices"
)

// spread is how a figure varied from slice to slice.
type spread struct {
	Median, Low, High, Q1, Q3 float64
}

// spreadOf sorts values; without any it is all NaN.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	return spread{
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

// ratios divides the rates of a by those of b, round by round: what the machine
// did in a round befell both.
func ratios(all []slice, a, b string) (list []float64) {
	for _, over := range all {
		for _, under := range all {
			if over.Contender == a && under.Contender == b && over.Round == under.Round && under.Done > 0 {
				list = append(list, over.rate()/under.rate())
			}
		}
	}
	return list
}

// of returns the slices of one contender.
func of(all []slice, name string) (list []slice) {
	for _, s := range all {
		if s.Contender == name {
			list = append(list, s)
		}
	}
	return list
}

// each reads a figure of every slice.
func each(list []slice, figure func(slice) float64) []float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = figure(s)
	}
	return values
}

// sum adds up the meters of slices, and the answers that count.
func sum(list []slice) (total reading, done float64) {
	total = reading{}
	for _, s := range list {
		total = s.Meters.plus(total)
		done += float64(s.Done)
	}
	return total, done
}
