package measure

import (
	"math"
	"strings"
	"testing"
)

func TestTableIsAlignedMarkdown(t *testing.T) {
	var out strings.Builder
	Table{{"", "µs", "x"}, {"service", "1", "10,000"}}.Print(&out)
	want := "|         | µs |      x |\n" +
		"| ------- | -: | -----: |\n" +
		"| service |  1 | 10,000 |\n\n"
	if out.String() != want {
		t.Errorf("\n%s\nwant\n%s", out.String(), want)
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"999": Whole(999), "1,000": Whole(1000), "12,345,678": Whole(12345678),
		"1.5": Fixed(1, 1.52), "–": Fixed(1, math.NaN()),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
