package api

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestFieldsAreReadWhateverTheSpacing(t *testing.T) {
	b, err := parseBody([]byte("\n{ \"a\" : \"x\\\"}\\u00e4\" ,\t\"n\":-5,\"o\":{\"a\":[1,\"}\"]} , \"t\":true,\"z\":null}\n"))
	if err != nil {
		t.Fatal(err)
	}
	n := b.optionalInteger("n")
	if text := b.text("a"); text != "x\"}ä" || n == nil || *n != -5 || !b.flag("t") || b.optionalInteger("z") != nil {
		t.Errorf("%q %v %+v", text, n, b)
	}
	if err := b.checkKnown(nil); err != nil {
		t.Error(err)
	}
	if err := b.check(nil); err == nil { // o was not asked for
		t.Error("an unknown field was accepted")
	}
}

// FuzzBody holds the splitter against encoding/json: it takes exactly the
// objects that encoding/json takes, with the same names and values.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"productId":"lamp","quantity":2}`, `{}`, ` { "a" : [ {"b":"}"} ] } `, `{"a":"\\","b":"\"" }`, `[1]`, `{"a":1e400}`, `{"\u0000":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := parseBody(raw)
		var want map[string]json.RawMessage
		if json.Unmarshal(raw, &want) != nil || want == nil || !utf8.Valid(raw) {
			if err == nil {
				t.Fatalf("%q was taken", raw)
			}
			return
		}
		if err != nil {
			return // a NUL
		}
		for _, m := range b.members {
			if _, there := want[m.name]; !there || !json.Valid(m.value) {
				t.Fatalf("%q: field %q is %q", raw, m.name, m.value)
			}
		}
		if len(b.members) != len(want) {
			t.Fatalf("%q: %d fields, want %d", raw, len(b.members), len(want))
		}
	})
}
