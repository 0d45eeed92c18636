package api

import (
	"testing"
	"time"
)

// Handlers come to the bucket in another order than that of their requests.
func TestTheLimitOfAllHoldsWhateverOrderRequestsComeIn(t *testing.T) {
	const limit = 2_000
	l := newLimiter(0, limit)
	start := time.Now()
	accepted := 0
	for i := range 5 * 20_000 { // five seconds, ten times the limit
		received := start.Add(time.Duration(i) * 50 * time.Microsecond)
		if i%3 == 0 { // a request that waited on its way
			received = received.Add(-5 * time.Millisecond)
		}
		if l.spend(received) {
			accepted++
		}
	}
	if most := 5*limit + burst(limit); accepted < limit || accepted > most {
		t.Errorf("accepted %d requests in five seconds, want up to %d", accepted, most)
	}
}
