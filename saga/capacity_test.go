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

func TestCoresAndMemorySayHowManyTasksAreWorkedOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit       int64
		cores, want int
	}{
		{math.MaxInt64, 2, 2 * tasksByCore},
		{math.MaxInt64, 1, tasksByCore},
		{1 << 30, 16, 1024},
		{1 << 30, 1, tasksByCore},
		{64 << 20, 16, leastTasks},
	} {
		if got := tasksFor(c.limit, c.cores); got != c.want {
			t.Errorf("%d bytes, %d cores: %d, want %d", c.limit, c.cores, got, c.want)
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
