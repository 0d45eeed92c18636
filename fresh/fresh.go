// Package fresh keeps one value for a while, so that any number of those who
// ask for it cost its source one question. What to ask belongs to those who
// know the source, and so does how long an answer is good.
package fresh

import (
	"context"
	"sync/atomic"
	"time"
)

// Value is what load returned, value or error, until it is too old. Who asks
// while it is loaded waits, and gets that.
type Value[T any] struct {
	load    func(context.Context) (T, error)
	timeout time.Duration
	keep    func(took time.Duration, err error) time.Duration
	turn    chan struct{} // taken while loading
	last    atomic.Pointer[loaded[T]]
}

type loaded[T any] struct {
	value T
	err   error
	until time.Time
}

// New returns a Value that is loaded when it is first asked for. A load has
// timeout; keep says how long what it returned is good.
func New[T any](timeout time.Duration, keep func(took time.Duration, err error) time.Duration, load func(context.Context) (T, error)) *Value[T] {
	v := &Value[T]{load: load, timeout: timeout, keep: keep, turn: make(chan struct{}, 1)}
	v.Forget()
	return v
}

// For keeps everything for ttl, errors too: a source that is away is not asked
// by everybody.
func For(ttl time.Duration) func(time.Duration, error) time.Duration {
	return func(time.Duration, error) time.Duration { return ttl }
}

// Get returns the value, or the error of loading it. It waits no longer than
// ctx allows, and returns ctx's cause then.
func (v *Value[T]) Get(ctx context.Context) (value T, err error) {
	if last := v.last.Load(); time.Now().Before(last.until) {
		return last.value, last.err
	}
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
	before := v.last.Load()
	if time.Now().Before(before.until) { // it was loaded meanwhile
		return before.value, before.err
	}
	return v.renew(ctx, before)
}

// renew loads. What was read before a Forget is returned, but not kept; nor is
// the failure of who did not wait for the answer.
func (v *Value[T]) renew(asking context.Context, before *loaded[T]) (T, error) {
	ctx, cancel := context.WithTimeout(asking, v.timeout)
	defer cancel()
	begun := time.Now()
	value, err := v.load(ctx)
	if err != nil && asking.Err() != nil {
		return value, err
	}
	now := time.Now()
	v.last.CompareAndSwap(before, &loaded[T]{value, err, now.Add(v.keep(now.Sub(begun), err))})
	return value, err
}

// Forget has the next Get load.
func (v *Value[T]) Forget() { v.last.Store(new(loaded[T])) }
