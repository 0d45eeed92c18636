package main

import (
	"context"
	"sync/atomic"
	"time"

	"order-service/api"
	"order-service/order"
)

const (
	readTimeout = 900 * time.Millisecond // of one reading
	readEvery   = 500 * time.Millisecond // at most, however many ask
	readRarely  = 10 * time.Second       // at least, when somebody asks
	readAgain   = 2 * time.Second        // after one that failed
	readShare   = 20                     // a reading may take one in so many seconds
)

// system is what there is to know about the whole system: the sale board and
// Prometheus show the same readings.
type system struct {
	overview *reading[order.Overview]
	lag      *reading[int64]
	gate     *reading[int]
	process  func() api.ProcessFigures // nil in a process that serves no buyers
	leading  atomic.Bool               // whether this process leads the upkeep
}

// Overview is of Postgres.
func (s *system) Overview(ctx context.Context) (order.Overview, error) { return s.overview.get(ctx) }

// Lag is the consumer group's.
func (s *system) Lag(ctx context.Context) (int64, error) { return s.lag.get(ctx) }

// Gate is how many products differ in the gate and the ledger.
func (s *system) Gate(ctx context.Context) (int, error) { return s.gate.get(ctx) }

// Process is of this process alone.
func (s *system) Process() api.ProcessFigures { return s.process() }

// lead runs run as the leader.
func (s *system) lead(ctx context.Context, run func(context.Context) error) error {
	s.leading.Store(true)
	defer s.leading.Store(false)
	return run(ctx)
}

// reading keeps a value that costs a query, so that any number of those who
// watch costs no more than one. The longer a reading takes the rarer it is: a
// database that is busy with orders has better things to do.
type reading[T any] struct {
	read  func(context.Context) (T, error)
	turn  chan struct{} // taken while reading: who comes meanwhile gets what is read
	value T
	err   error
	until time.Time // when the value is too old
}

func newReading[T any](read func(context.Context) (T, error)) *reading[T] {
	return &reading[T]{read: read, turn: make(chan struct{}, 1)}
}

func (r *reading[T]) get(ctx context.Context) (value T, err error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return value, context.Cause(ctx)
	}
	begun := time.Now()
	if begun.Before(r.until) {
		return r.value, r.err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r.value, r.err = r.read(ctx)
	pause := min(max(time.Since(begun)*readShare, readEvery), readRarely)
	if r.err != nil {
		pause = readAgain
	}
	r.until = time.Now().Add(pause)
	return r.value, r.err
}
