package saga

import (
	"errors"
	"sync/atomic"
	"time"
)

// errBusy is Try's answer when it does not ask the provider. It may pass.
var errBusy = errors.New("the provider has no time to spare")

// openFor is how long one who was too slow is not asked.
const openFor = 5 * time.Second

// breaker is a circuit breaker: it knows whether someone answers fast enough for
// the short way of asking, the provider a Try, a worker an update. While he does
// not, to ask is a wait for nothing, and holds what the long way needs. The zero
// value is closed. It is safe for concurrent use.
type breaker struct {
	again atomic.Int64 // Unix time in ns from when it may be asked; 0: it is closed
}

// allow reports whether to try now. Of those who ask when the time has come, one
// finds out for all.
func (b *breaker) allow(now time.Time) bool {
	again := b.again.Load()
	if again == 0 {
		return true
	}
	return now.UnixNano() >= again && b.again.CompareAndSwap(again, now.Add(openFor).UnixNano())
}

// record notes how a try went.
func (b *breaker) record(now time.Time, inTime bool) {
	if inTime {
		b.again.Store(0)
		return
	}
	b.again.Store(now.Add(openFor).UnixNano())
}
