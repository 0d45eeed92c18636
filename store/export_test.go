package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The statements of the overview and of the redrive that run on tables which
// grow, for the tests that look at their plans.
const (
	OrdersByStatus = ordersByStatus
	OpenOrders     = openOrders
	Unsettled      = unsettled
	LeftOrders     = leftOrders
	LeftPayments   = leftPayments
	RecentOrders   = recentOrders
	LookThrough    = lookThrough
)

// EachPool calls do with each pool, for tests of what a session is like.
func (s *Store) EachPool(do func(name string, pool *pgxpool.Pool)) {
	do("pool", s.pool)
	do("intake", s.intake)
	do("ledger", s.ledger)
}

// SharedIdleLimit is what a transaction brings along where sessions are a
// pooler's.
func (s *Store) SharedIdleLimit(ctx context.Context) (limit string, err error) {
	through := Store{pool: s.pool, shared: true}
	err = through.transact(ctx, snapshot, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT current_setting('idle_in_transaction_session_timeout')`).Scan(&limit)
	})
	return limit, err
}

// Degrade has so many connections of the pool take no writes any more.
func (s *Store) Degrade(ctx context.Context, connections int) error {
	for range connections {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release() // not before the others are taken
		if _, err := conn.Exec(ctx, `SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY`); err != nil {
			return err
		}
	}
	return nil
}
