package main

import (
	"errors"
	"strings"
	"testing"

	"order-service/devstack/load/engine"
)

// problems are what check finds wrong with s.
func problems(c contender, s slice) string {
	f := &fleet{}
	f.check(c, s)
	if err := errors.Join(f.problems...); err != nil {
		return err.Error()
	}
	return ""
}

func TestCheckFindsWhatBroke(t *testing.T) {
	orders := contender{name: service, table: "orders"}
	for name, c := range map[string]struct {
		slice slice
		want  string // part of the problem; "": there is none
	}{
		"a row for each":             {slice{Done: 5, Meters: reading{rows: 5}}, ""},
		"a row too few":              {slice{Done: 5, Meters: reading{rows: 4}}, "4 have rows"},
		"a row too many":             {slice{Done: 5, Meters: reading{rows: 6}}, "6 have rows"},
		"nothing counts":             {slice{Meters: reading{rows: 0}}, "no answer counts"},
		"overload is said":           {slice{Done: 5, Meters: reading{rows: 5}, Other: map[string]uint64{"503 overloaded": 3}}, ""},
		"another answer":             {slice{Done: 5, Meters: reading{rows: 5}, Other: map[string]uint64{"500 internal": 1}}, "500 internal"},
		"a broken connection's row":  {slice{Done: 5, Meters: reading{rows: 6}, Other: map[string]uint64{unanswered: 1}}, "1 answers were unanswered"},
		"a row that nobody sent for": {slice{Done: 5, Meters: reading{rows: 7}, Other: map[string]uint64{unanswered: 1}}, "7 have rows"},
	} {
		got := problems(orders, c.slice)
		if got == "" != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOutcomesAreCountedByWhatTheySay(t *testing.T) {
	for want, o := range map[string]engine.Outcome{
		unanswered:       {Code: "no-answer"},
		"409 sold-out":   {Status: 409, Code: "sold-out"},
		"503 overloaded": {Status: 503, Code: "overloaded"},
	} {
		if got := describe(o); got != want {
			t.Errorf("%+v is %q, want %q", o, got, want)
		}
	}
}

func TestReadingTellsOfWhatWasReadTwice(t *testing.T) {
	gone := reading{"a": 5, "b": 1}.since(reading{"a": 2, "c": 1})
	if len(gone) != 1 || gone["a"] != 3 {
		t.Errorf("%v, want a: 3", gone)
	}
}
