package main

import (
	"math"
	"strconv"
)

// axis puts values of one dimension into a picture.
type axis struct {
	label    string
	log      bool // each step multiplies
	from, to float64
}

// fit returns the axis for values, with a little room above them; a linear one
// begins at 0.
func (a axis) fit(values []float64) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	if a.log {
		a.from, a.to = low/1.15, high*1.15
	} else {
		a.from, a.to = 0, high*1.08
	}
	return a
}

// at is where v stands, from 0 at the beginning to 1 at the end.
func (a axis) at(v float64) float64 {
	if a.log {
		return math.Log(v/a.from) / math.Log(a.to/a.from)
	}
	return (v - a.from) / (a.to - a.from)
}

// ticks are round numbers on the axis: 1, 2 and 5 times powers of ten, on a
// long logarithmic one the powers only.
func (a axis) ticks() (ticks []float64) {
	if a.log {
		return a.powers()
	}
	step := math.Pow(10, math.Floor(math.Log10(a.to)))
	for _, part := range []float64{2, 2.5, 2} { // 5, 2 and 1 times the next smaller power
		if a.to/step >= 4 {
			break
		}
		step /= part
	}
	for n := 0.0; n*step <= a.to; n++ {
		ticks = append(ticks, n*step)
	}
	return ticks
}

func (a axis) powers() (ticks []float64) {
	steps := []float64{1, 2, 5}
	if a.to/a.from > 300 {
		steps = steps[:1]
	}
	for power := math.Pow(10, math.Floor(math.Log10(a.from))); power <= a.to; power *= 10 {
		for _, step := range steps {
			if v := power * step; v >= a.from && v <= a.to {
				ticks = append(ticks, v)
			}
		}
	}
	return ticks
}

// short writes a tick: 1500 is 1.5k, 2000000 is 2M.
func short(v float64) string {
	unit := ""
	switch {
	case v >= 1e6:
		v, unit = v/1e6, "M"
	case v >= 1e3:
		v, unit = v/1e3, "k"
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + unit
}
