package saga

import (
	"math"
	"testing"
)

func TestMemorySaysHowManyWorkflowsAreKept(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int64]int{
		0: leastCached, 64 << 20: leastCached, 1 << 30: 2621, 64 << 30: mostCached, math.MaxInt64: leastCached,
	} {
		if got := cacheFor(limit); got != want {
			t.Errorf("%d bytes: %d, want %d", limit, got, want)
		}
	}
}

func TestWhatIsSetIsNotChosen(t *testing.T) {
	t.Parallel()
	set := WorkerConfig{Pollers: 1, Tasks: 2, Calls: 3, Cached: 4}
	if got := set.complete(); got != set {
		t.Errorf("%+v became %+v", set, got)
	}
	if got := (WorkerConfig{}).complete(); got.Pollers < 1 || got.Tasks < leastTasks || got.Calls < 1 || got.Cached < leastCached {
		t.Errorf("chosen: %+v", got)
	}
}
