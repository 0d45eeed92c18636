package measure

import (
	"strings"
	"testing"
)

func TestServerThatCannotStartIsToldWithItsLastWords(t *testing.T) {
	c, err := StartChild(t.Context(), "sh", "127.0.0.1:1", nil, "sh", "-c", "echo no >&2; exit 3")
	if err == nil {
		t.Fatalf("%s started", c.Name)
	}
	if text := err.Error(); !strings.Contains(text, "sh ended") || !strings.Contains(text, "no\n") {
		t.Errorf("%q", text)
	}
}

func TestTailKeepsTheEndFromTheBeginningOfALine(t *testing.T) {
	var log tail
	for range 3000 {
		_, _ = log.Write([]byte("a line\n"))
	}
	_, _ = log.Write([]byte("the last\n"))
	if got := log.String(); len(got) > maxTail || !strings.HasPrefix(got, "a line\n") || !strings.HasSuffix(got, "a line\nthe last\n") {
		t.Errorf("%d bytes, %.20q…%q", len(got), got, got[len(got)-20:])
	}
}
