package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// A report is any JSON object, and what is read of it is what a strict body
// would say, where that takes it.
func FuzzReport(f *testing.F) {
	for _, field := range disliked {
		f.Add([]byte(`{` + field + `,"paymentId":"pay_1","reason":"no funds"}`))
	}
	f.Add([]byte(`{"paymentId":"pay_1","paymentId":2,"reason":"\ud800 \u0000\u0085"}`))
	f.Add([]byte(`{"reason":"` + strings.Repeat("é", maxReason) + `"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		report, err := parseReport(bytes.Clone(raw))
		object := json.Valid(raw) && bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
		if (err == nil) != object {
			t.Fatalf("%q: %v", raw, err)
		}
		if err != nil {
			return
		}
		reason := report.words("reason", maxReason)
		if len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl) {
			t.Errorf("%q: reason %q", raw, reason)
		}
		strict, err := parseBody(bytes.Clone(raw))
		if err != nil || len(strict.problems) > 0 {
			return
		}
		if got, want := report.text("paymentId"), strict.text("paymentId"); got != want || !slices.Equal(report.problems, strict.problems) {
			t.Errorf("%q: %q %v, want %q %v", raw, got, report.problems, want, strict.problems)
		}
	})
}
