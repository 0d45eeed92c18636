package store

import (
	"time"

	"order-service/order"
)

// Meter is told of what was committed, after it was. It must not block.
type Meter interface {
	OrderMoved(to order.Status)
	PaymentMoved(to order.PaymentState)
	MoveBatch(moves int, took time.Duration)
}

// IntakeMeter is told how orders are written. It must not block.
type IntakeMeter interface {
	IntakeWaited(time.Duration)                 // by one order, for a writer
	IntakeBatch(orders int, took time.Duration) // committed, or failed
}

// unmetered stands in for a Meter that nobody gave.
type unmetered struct{}

func (unmetered) OrderMoved(order.Status)         {}
func (unmetered) PaymentMoved(order.PaymentState) {}
func (unmetered) MoveBatch(int, time.Duration)    {}
func (unmetered) IntakeWaited(time.Duration)      {}
func (unmetered) IntakeBatch(int, time.Duration)  {}

// PoolStats is what the connection pool counts.
type PoolStats struct {
	Open, InUse, Max int64
	Waits            int64         // acquisitions so far that found no free connection
	Waited           time.Duration // by all of them
}

// Pool returns the pool's counts.
func (s *Store) Pool() PoolStats {
	p := s.pool.Stat()
	return PoolStats{
		Open: int64(p.TotalConns()), InUse: int64(p.AcquiredConns()), Max: int64(p.MaxConns()),
		Waits: p.EmptyAcquireCount(), Waited: p.EmptyAcquireWaitTime(),
	}
}
