package engine

import (
	"math/rand/v2"
	"time"
)

// Arrivals says when an open loop sends: each call returns how long after the
// beginning the next request is due, never earlier than the last one.
type Arrivals func() time.Duration

// Poisson arrivals come at rate a second on average and independently of each
// other, as people do: the gaps are exponentially distributed. The same seed
// gives the same arrivals.
func Poisson(rate float64, seed uint64) Arrivals {
	random := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	var at float64 // seconds
	return func() time.Duration {
		at += random.ExpFloat64() / rate
		return time.Duration(at * float64(time.Second))
	}
}
