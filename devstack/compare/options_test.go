package main

import (
	"strings"
	"testing"
)

func TestOptionsNameWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"--only=service,nobody": `"nobody" is not one of`,
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

func TestHelpListsEveryContender(t *testing.T) {
	for _, name := range names {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("--help does not tell of %s", name)
		}
	}
}
