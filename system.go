package main

import (
	"context"
	"sync/atomic"
	"time"

	"order-service/board"
	"order-service/fresh"
	"order-service/order"
)

const (
	readTimeout = 700 * time.Millisecond // of one reading; less than the board's patience, or it would count as the board's own failure
	readEvery   = 500 * time.Millisecond // at most, however many ask
	readAgain   = 2 * time.Second        // the same after one that failed
	readShare   = 20                     // a reading may take one in so many seconds
)

// system is what there is to know about the whole system: the sale board and
// Prometheus show the same readings.
type system struct {
	overview *fresh.Value[order.Overview]
	lag      *fresh.Value[int64]
	gate     *fresh.Value[int]
	process  func() board.Counts // nil in a process that serves no buyers
	leading  atomic.Bool         // whether this process leads the upkeep
}

// Overview is of Postgres.
func (s *system) Overview(ctx context.Context) (order.Overview, error) { return s.overview.Get(ctx) }

// Lag is the consumer group's.
func (s *system) Lag(ctx context.Context) (int64, error) { return s.lag.Get(ctx) }

// Gate is how many products differ in the gate and the ledger.
func (s *system) Gate(ctx context.Context) (int, error) { return s.gate.Get(ctx) }

// Process is of this process alone.
func (s *system) Process() board.Counts { return s.process() }

// lead runs run as the leader.
func (s *system) lead(ctx context.Context, run func(context.Context) error) error {
	s.leading.Store(true)
	defer s.leading.Store(false)
	return run(ctx)
}

// newReading keeps what read returns, so that any number of those who watch cost
// no more than one. The longer a reading takes the rarer it is: a database that
// is busy with orders has better things to do. One that failed has cost as much.
func newReading[T any](read func(context.Context) (T, error)) *fresh.Value[T] {
	return fresh.New(readTimeout, func(took time.Duration, err error) time.Duration {
		if err != nil {
			return max(took*readShare, readAgain)
		}
		return max(took*readShare, readEvery)
	}, read)
}
