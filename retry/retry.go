// Package retry is how the service waits before it tries something again:
// briefly at first, longer with each failure, and each process a little
// otherwise, so that those that were cut off together do not return together.
//
// What can be tried again belongs to those who try, and so does what they say
// of it. A pause that paces work which has not failed is theirs too.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// The pauses double from the first to the longest.
const (
	first   = 100 * time.Millisecond
	longest = 5 * time.Second
)

// Until calls try until it returns nil or ctx ends, and returns what the last
// call did: a try that is under way when ctx ends counts. After each failure
// failed is told of it and of the pause that follows.
func Until(ctx context.Context, try func() error, failed func(err error, pause time.Duration)) error {
	for failures := 0; ; failures++ {
		err := try()
		if err == nil {
			return nil
		}
		pause := Pause(failures)
		failed(err, pause)
		if !Sleep(ctx, pause) {
			return err
		}
	}
}

// Pause is the wait after so many failures in a row, counted from 0.
func Pause(failures int) time.Duration {
	return Jitter(min(first<<min(failures, 10), longest))
}

// Jitter returns a random duration from d/2 to d.
func Jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// Sleep waits for d and reports whether ctx is still alive.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
