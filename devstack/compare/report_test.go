package main

import (
	"strings"
	"testing"

	"order-service/devstack/measure"
)

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"999": measure.Whole(999), "1,000": measure.Whole(1000), "12,345,678": measure.Whole(12345678),
		"1.5":    reading{"x": 3}.per(2, "x", 1),
		"–":      reading{}.per(2, "x", 1),
		"0":      refused([]slice{{Done: 5}}),
		"50 %":   refused([]slice{{Done: 5, Other: map[string]uint64{"503 overloaded": 5}}}),
		"0.01 %": refused([]slice{{Done: 9999, Other: map[string]uint64{"503 overloaded": 1}}}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReportTellsEveryContenderAndRatio(t *testing.T) {
	var found findings
	found.Options.Only = names
	for round := range 2 {
		for _, name := range names {
			found.Slices = append(found.Slices, slice{Contender: name, Round: round, Done: 1000, Drained: 1, Meters: reading{cpuOwn: 5000}})
		}
	}
	var out strings.Builder
	found.print(&out)
	for _, want := range append([]string{"service / naive", "service / service'", "soldout / ceiling", "read / stub", "1.00–1.00"}, names...) {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
