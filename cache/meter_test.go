package cache

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

func TestRoundTripsAreToldAndConnectionsCounted(t *testing.T) {
	t.Parallel()
	var trips, calls atomic.Int64
	g, err := Open(Config{
		URL: redisURL(t), Prefix: "test-" + uuid.NewString() + ":", Timeout: 10 * time.Second, Log: zerolog.Nop(),
		Batch: func(n int, took time.Duration) {
			trips.Add(1)
			calls.Add(int64(n))
			if took <= 0 {
				t.Errorf("a round trip took %v", took)
			}
		},
	})
	must(t, err)
	for range 3 {
		_, _ = g.holdOne(t.Context(), request("ann", 1)) // refused: there is no product
	}
	if p := g.Pool(); p.Open < 1 || p.Idle > p.Open {
		t.Errorf("%+v", p)
	}
	must(t, g.Close())
	if trips.Load() != 3 || calls.Load() != 3 {
		t.Errorf("%d round trips with %d calls are told, want 3 of one", trips.Load(), calls.Load())
	}
}
