package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestModulesArePermissiveOrNamed(t *testing.T) {
	for name, c := range map[string]struct{ components, doubtful string }{
		"detected":   {`{"name":"a","version":"v1","evidence":{"licenses":[{"license":{"id":"MIT"}}]}}`, ""},
		"read":       {`{"name":"std","version":"go1"}`, ""},
		"copyleft":   {`{"name":"a","version":"v1","evidence":{"licenses":[{"license":{"id":"AGPL-3.0-only"}}]}}`, `a v1: "AGPL-3.0-only"`},
		"one of two": {`{"name":"a","version":"v1","evidence":{"licenses":[{"license":{"id":"MIT"}},{"license":{"id":"GPL-2.0"}}]}}`, `a v1: "MIT+GPL-2.0"`},
		"unknown":    {`{"name":"a","version":"v1"}`, `a v1: ""`},
		"empty bill": {``, "empty"},
	} {
		var b bill
		if err := json.Unmarshal([]byte(`{"components":[`+c.components+`]}`), &b); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := b.report(&out)
		if (err == nil) != (c.doubtful == "") || err != nil && !strings.Contains(err.Error(), c.doubtful) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
