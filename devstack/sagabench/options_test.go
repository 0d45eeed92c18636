package main

import (
	"slices"
	"strings"
	"testing"
)

func TestOptionsFollowFromEachOther(t *testing.T) {
	o, err := parse([]string{"--backlog", "20000,500", "--with", "WORKER_POLLERS=4", "--bin", "there"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Backlogs, []int{20000, 500}) || o.Plain != 500 || o.Against != "there" || !slices.Contains(o.Only, before) {
		t.Errorf("%+v", o)
	}
	if o, err := parse(nil); err != nil || slices.Contains(o.Only, before) || o.Plain != maxPlain {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for want, args := range map[string]string{
		`"many"`: "--backlog many", `"0"`: "--backlog 0", "nobody": "--only nobody", "--against": "--only before",
		"at least one": "--rounds 0", `"now"`: "now",
	} {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one that says %s", args, err, want)
		}
	}
}
