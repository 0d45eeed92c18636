package main

import (
	"strings"
	"testing"
)

func TestReportTellsEveryContenderAndRatio(t *testing.T) {
	found := findings{Options: options{Only: []string{orders, before, empty, steps}, Backlogs: []int{10, 40}, Posts: 5}}
	for round := range 2 {
		for name, rate := range map[string]float64{
			"orders 10": 4, "orders 40": 2, "before 10": 8, "before 40": 1, empty: 2, steps: 5,
		} {
			s := slice{Contender: name, Round: round, First: stretch{Done: 10, Seconds: 10 / rate}}
			if name != empty {
				s.Second = stretch{Done: 10, Seconds: 20 / rate, CPU: used{Worker: 15_000}}
			}
			if strings.Contains(name, " ") {
				s.Posts = &posts{Idle: 10, Draining: 15}
			}
			found.Slices = append(found.Slices, s)
		}
	}
	var out strings.Builder
	found.print(&out)
	for _, want := range []string{
		"| orders 10 / empty     |           2.00 | 2.00–2.00 |               1.00 | 1.00–1.00 |",
		"| orders 10 / before 10 |           0.50 |",
		"| orders 40 / orders 10 |           0.50 |",
		"| orders 10 / steps     |           0.80 |",
		"| orders 40            |          10.0 |            15.0 |  1.50 |",
		"| empty ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
