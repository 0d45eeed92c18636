package tracing_test

import (
	"strings"
	"testing"

	"order-service/tracing"
)

// FuzzTraceparent: of what a client or a record sends, only a trace is gone on
// with that is written there, and it is passed on as what it is.
func FuzzTraceparent(f *testing.F) {
	for _, seed := range []string{
		sampled, dropped, "", "00", strings.ToUpper(sampled), sampled + "-more", "cc" + sampled[2:] + "-more", "ff" + sampled[2:],
		"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", sampled + ", " + dropped, " " + sampled, sampled[:54] + "g",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, traceparent string) {
		ctx := tracing.Parent(t.Context(), traceparent)
		id, passed := tracing.ID(ctx), tracing.Traceparent(ctx)
		if id != "" && (len(id) != 32 || !strings.Contains(traceparent, id)) {
			t.Fatalf("%q is trace %q", traceparent, id)
		}
		if passed == "" {
			return
		}
		again := tracing.Parent(t.Context(), passed)
		if id == "" || tracing.ID(again) != id || tracing.Traceparent(again) != passed {
			t.Fatalf("%q is trace %q, and is passed on as %q", traceparent, id, passed)
		}
	})
}
