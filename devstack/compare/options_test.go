package main

import (
	"slices"
	"strings"
	"testing"
)

func TestOptionsNameWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"--only=service,nobody": `"nobody" is not one of`,
		"--only=before":         "before needs --against",
		"--slices=0":            "at least one",
		"--slice=0s":            "at least one",
		"more":                  `unexpected argument "more"`,
		"--unknown":             "unknown",
	} {
		if _, err := parse([]string{args}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestAnotherBinaryOrAnotherSettingIsComparedWith(t *testing.T) {
	for arg, compared := range map[string]bool{"--against=old": true, "--with=GOGC=100": true, "--slices=3": false} {
		o, err := parse([]string{arg})
		if err != nil || slices.Contains(o.Only, before) != compared {
			t.Errorf("%s: %v, %v", arg, o.Only, err)
		}
	}
}

func TestHelpListsEveryContenderAndCurve(t *testing.T) {
	for _, name := range append(slices.Clone(names), curveNames()...) {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("--help does not tell of %s", name)
		}
	}
}

func TestCurvesAreChosenByTheirNames(t *testing.T) {
	if o, err := parse([]string{"curves", "--only=rows"}); err != nil || !slices.Equal(o.Only, []string{"rows"}) {
		t.Errorf("%v, %v", o.Only, err)
	}
	if o, err := parse([]string{"curves"}); err != nil || !slices.Equal(o.Only, curveNames()) {
		t.Errorf("%v, %v", o.Only, err)
	}
	if _, err := parse([]string{"curves", "--only=service"}); err == nil {
		t.Error("a contender is no curve")
	}
}
