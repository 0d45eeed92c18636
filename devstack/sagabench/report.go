package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"order-service/devstack/measure"
)

// findings are everything that a run has found out.
type findings struct {
	Machine  measure.Machine `json:"machine"`
	Temporal string          `json:"temporal"` // version and store
	Options  options         `json:"options"`
	Slices   []slice         `json:"slices"`
}

// print writes the findings as Markdown.
func (f findings) print(out io.Writer) {
	fmt.Fprintln(out)
	f.rates().Print(out)
	f.ratios().Print(out)
	f.time().Print(out)
	f.work().Print(out)
	if f.Options.Posts > 0 {
		f.posts().Print(out)
	}
	fmt.Fprintf(out, "%d rounds; %d workflows of each plain kind. Rates: median, and from the least to the most.\n", f.Options.Rounds, f.Options.Plain)
	fmt.Fprintf(out, "The server's time includes Kafka in Go, which is in the same process. %s. Temporal %s.\n", f.Machine, f.Temporal)
}

// names are the contenders in the order of the table.
func (f findings) names() (names []string) {
	for _, s := range f.Slices {
		if !slices.Contains(names, s.Contender) {
			names = append(names, s.Contender)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return f.rank(a) - f.rank(b) })
	return names
}

func (f findings) rank(name string) int {
	kind, _, _ := strings.Cut(name, " ")
	return slices.Index(f.Options.Only, kind)
}

func (f findings) of(name string) (list []slice) {
	for _, s := range f.Slices {
		if s.Contender == name {
			list = append(list, s)
		}
	}
	return list
}

// spread reads a figure of all slices of a contender.
func (f findings) spread(name string, figure func(slice) float64) measure.Spread {
	var values []float64
	for _, s := range f.of(name) {
		values = append(values, figure(s))
	}
	return measure.SpreadOf(values)
}

func first(s slice) float64  { return s.First.rate() }
func second(s slice) float64 { return s.Second.rate() }

func (f findings) rates() measure.Table {
	t := measure.Table{{"a second", "to the payment", "min–max", "payment to the end", "min–max"}}
	for _, name := range f.names() {
		a, b := f.spread(name, first), f.spread(name, second)
		t = append(t, []string{
			name, measure.Fixed(1, a.Median), extent(1, a), measure.Fixed(1, b.Median), extent(1, b),
		})
	}
	return t
}

// extent is from the least to the most.
func extent(digits int, s measure.Spread) string {
	if math.IsNaN(s.Low) {
		return "–"
	}
	return measure.Fixed(digits, s.Low) + "–" + measure.Fixed(digits, s.High)
}

// ratios compare round by round: what the machine did in a round befell both.
func (f findings) ratios() measure.Table {
	t := measure.Table{{"ratio", "to the payment", "min–max", "payment to the end", "min–max"}}
	for _, pair := range f.pairs() {
		a := f.ratio(pair, first, first)
		b := f.ratio(pair, second, second)
		if pair[1] == empty { // it has one stretch only, which both halves are held against
			b = f.ratio(pair, second, first)
		}
		t = append(t, []string{
			pair[0] + " / " + pair[1], measure.Fixed(2, a.Median), extent(2, a), measure.Fixed(2, b.Median), extent(2, b),
		})
	}
	return t
}

// pairs are what is compared: shops with plain workflows and with each other,
// and each backlog with the first.
func (f findings) pairs() (pairs [][2]string) {
	names := f.names()
	for _, name := range names {
		kind, backlog, _ := strings.Cut(name, " ")
		if backlog == "" {
			continue
		}
		smallest := named(kind, f.Options.Backlogs[0])
		for _, under := range []string{empty, steps, before + " " + backlog, smallest} {
			if under != name && slices.Contains(names, under) {
				pairs = append(pairs, [2]string{name, under})
			}
		}
	}
	return pairs
}

func (f findings) ratio(pair [2]string, over, under func(slice) float64) measure.Spread {
	var list []float64
	for _, a := range f.of(pair[0]) {
		for _, b := range f.of(pair[1]) {
			if a.Round == b.Round {
				list = append(list, over(a)/under(b))
			}
		}
	}
	return measure.SpreadOf(list)
}

// time is the CPU time of every process for one order or workflow.
func (f findings) time() measure.Table {
	t := measure.Table{{"CPU, ms each", "Temporal", "worker", "api", "Postgres", "then: Temporal", "worker", "api", "Postgres", "Temporal, both", "worker, both"}}
	for _, name := range f.names() {
		per := func(half func(slice) stretch, process func(used) float64) float64 {
			return f.spread(name, func(s slice) float64 {
				if half(s).Done == 0 {
					return math.NaN()
				}
				return process(half(s).CPU) / float64(half(s).Done) / 1000
			}).Median
		}
		row := []string{name}
		for _, half := range halves {
			for _, process := range processes {
				row = append(row, measure.Fixed(2, per(half, process)))
			}
		}
		for _, process := range processes[:2] {
			row = append(row, measure.Fixed(2, per(halves[0], process)+per(halves[1], process)))
		}
		t = append(t, row)
	}
	return t
}

// The parts of a slice and the processes in them; they are only read.
var (
	halves = []func(slice) stretch{
		func(s slice) stretch { return s.First },
		func(s slice) stretch { return s.Second },
	}
	processes = []func(used) float64{
		func(u used) float64 { return u.Server },
		func(u used) float64 { return u.Worker },
		func(u used) float64 { return u.API },
		func(u used) float64 { return u.Postgres },
	}
)

// work is what the server kept of a workflow.
func (f findings) work() measure.Table {
	t := measure.Table{{"a workflow", "history events", "workflow tasks", "state transitions"}}
	for _, name := range f.names() {
		t = append(t, []string{
			name,
			measure.Fixed(1, f.spread(name, func(s slice) float64 { return s.Cost.Events }).Median),
			measure.Fixed(1, f.spread(name, func(s slice) float64 { return s.Cost.Tasks }).Median),
			measure.Fixed(1, f.spread(name, func(s slice) float64 { return s.Cost.Transitions }).Median),
		})
	}
	return t
}

func (f findings) posts() measure.Table {
	t := measure.Table{{"POST /orders p99, ms", "nothing waits", "while it drains", "ratio"}}
	for _, name := range f.names() {
		list := f.of(name)
		if list[0].Posts == nil {
			continue
		}
		t = append(t, []string{
			name,
			measure.Fixed(1, f.spread(name, func(s slice) float64 { return s.Posts.Idle }).Median),
			measure.Fixed(1, f.spread(name, func(s slice) float64 { return s.Posts.Draining }).Median),
			measure.Fixed(2, f.spread(name, func(s slice) float64 { return s.Posts.Draining / s.Posts.Idle }).Median),
		})
	}
	return t
}
