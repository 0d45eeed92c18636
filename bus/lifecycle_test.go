package bus

import (
	"testing"
	"time"
)

func TestBackoffGrowsToItsCap(t *testing.T) {
	t.Parallel()
	for failures, longest := range map[int]time.Duration{
		0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 5: 3200 * time.Millisecond,
		6: 5 * time.Second, 1000: 5 * time.Second,
	} {
		for range 100 {
			if got := backoff(failures); got < longest/2 || got > longest {
				t.Errorf("backoff(%d) is %v, want from %v to %v", failures, got, longest/2, longest)
			}
		}
	}
}
