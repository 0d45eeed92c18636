package store

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"order-service/order"
)

// Meter is told of what was committed, after it was. It must not block.
type Meter interface {
	OrderMoved(to order.Status)
	PaymentMoved(to order.PaymentState)
	MoveBatch(moves int, took time.Duration)
}

// unmetered stands in for a Meter that nobody gave.
type unmetered struct{}

func (unmetered) OrderMoved(order.Status)         {}
func (unmetered) PaymentMoved(order.PaymentState) {}
func (unmetered) MoveBatch(int, time.Duration)    {}

// PoolStats is what the connection pools count together.
type PoolStats struct {
	Open, InUse, Max int64
	Waits            int64         // acquisitions so far that found no free connection
	Waited           time.Duration // by all of them
}

// Pool returns the pools' counts.
func (s *Store) Pool() (sum PoolStats) {
	for _, pool := range []*pgxpool.Pool{s.pool, s.intake, s.ledger} {
		p := pool.Stat()
		sum.Open, sum.InUse, sum.Max = sum.Open+int64(p.TotalConns()), sum.InUse+int64(p.AcquiredConns()), sum.Max+int64(p.MaxConns())
		sum.Waits, sum.Waited = sum.Waits+p.EmptyAcquireCount(), sum.Waited+p.EmptyAcquireWaitTime()
	}
	return sum
}
