//go:build !linux

package engine

import "time"

// clock wakes its goroutine to within a millisecond or so.
type clock struct{}

func newClock() *clock { return &clock{} }

func (*clock) wait(d time.Duration) { time.Sleep(d) }

func (*clock) close() {}
