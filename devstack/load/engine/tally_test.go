package engine

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestOutcomesAreCountedApart(t *testing.T) {
	var tally Tally
	for range 3 {
		tally.count(202, nil, time.Millisecond, time.Microsecond)
	}
	tally.count(503, []byte("overloaded"), time.Second, time.Second)
	tally.count(0, []byte("no-answer"), time.Second, time.Second)
	want := []Outcome{{0, "no-answer"}, {202, ""}, {503, "overloaded"}}
	if got := tally.Outcomes(); !slices.Equal(got, want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
	if a, r, b, all := tally.Count(Accepted), tally.Count(Refused), tally.Count(Broken), tally.Count(Any); a != 3 || r != 1 || b != 1 || all != 5 {
		t.Errorf("accepted %d, refused %d, broken %d of %d", a, r, b, all)
	}
	if got := tally.Of(Accepted); got.FromDue.Max() != time.Millisecond || got.FromSend.Max() != time.Microsecond {
		t.Errorf("accepted after %v and %v", got.FromDue.Max(), got.FromSend.Max())
	}
}

func TestCodesMadeUpByAServerAreBounded(t *testing.T) {
	var tally Tally
	for i := range 10 * maxOutcomes {
		tally.count(500, []byte(strconv.Itoa(i)), 0, 0)
	}
	if got := len(tally.Outcomes()); got > maxOutcomes+1 {
		t.Errorf("%d outcomes are remembered", got)
	}
	if got := tally.Count(Any); got != 10*maxOutcomes {
		t.Errorf("counted %d, want all %d", got, 10*maxOutcomes)
	}
}

func TestTallyMayBeReadWhileItCounts(t *testing.T) {
	var tally Tally
	var counting sync.WaitGroup
	for i := range 4 {
		counting.Go(func() {
			for n := range 1000 {
				tally.count(200+i, []byte(strconv.Itoa(n%7)), time.Duration(n), time.Duration(n))
			}
		})
	}
	for range 20 {
		tally.Of(Any).FromDue.Quantile(.99)
	}
	counting.Wait()
	if got := tally.Of(Any).FromDue.Count(); got != 4000 {
		t.Errorf("counted %d, want 4000", got)
	}
}
