package api

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// cached keeps one value for a moment, so that any number of pollers costs one
// load per ttl. Concurrent misses share a load.
type cached[T any] struct {
	ttl   time.Duration
	load  func() (T, error)
	group singleflight.Group
	value atomic.Pointer[stamped[T]]
}

type stamped[T any] struct {
	value T
	at    time.Time
}

func newCached[T any](ttl time.Duration, load func() (T, error)) *cached[T] {
	return &cached[T]{ttl: ttl, load: load}
}

// get returns the value, at most ttl old, or the error of loading it.
func (c *cached[T]) get() (T, error) {
	if v := c.value.Load(); v != nil && time.Since(v.at) < c.ttl {
		return v.value, nil
	}
	v, err, _ := c.group.Do("", func() (any, error) {
		v, err := c.load()
		if err == nil {
			c.value.Store(&stamped[T]{v, time.Now()})
		}
		return v, err
	})
	return v.(T), err
}

// forget makes the next get load.
func (c *cached[T]) forget() { c.value.Store(nil) }

// withTimeout adapts a load that takes a context.
func withTimeout[T any](base context.Context, timeout time.Duration, load func(context.Context) (T, error)) func() (T, error) {
	return func() (T, error) {
		ctx, cancel := context.WithTimeout(base, timeout)
		defer cancel()
		return load(ctx)
	}
}
