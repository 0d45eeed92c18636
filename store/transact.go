package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How transactions begin.
const (
	readCommitted = "begin"
	snapshot      = "begin isolation level repeatable read read only"
)

// begins are the statements that begin a transaction as how says. Where the
// session has no settings of ours, they bring along the one that frees what a
// process locked before it fell silent.
func (s *Store) begins(how string) []string {
	if !s.shared {
		return []string{how}
	}
	return []string{how, "set local idle_in_transaction_session_timeout = " + milliseconds(idleInTransaction)}
}

// transact runs do in a transaction that begins as how says.
func (s *Store) transact(ctx context.Context, how string, do func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: strings.Join(s.begins(how), "; ")}, do)
}

// twoTrips is a transaction of moves in two round trips instead of four: what
// lock queues travels with the statement that begins it, and what save queues,
// when that has been answered, with the one that commits.
func (s *Store) twoTrips(ctx context.Context, lock, save func(*pgx.Batch)) error {
	conn, err := s.ledger.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var first, last pgx.Batch
	for _, statement := range s.begins(readCommitted) {
		first.Queue(statement)
	}
	lock(&first)
	if err = conn.SendBatch(ctx, &first).Close(); err == nil {
		save(&last)
		last.Queue("commit")
		err = conn.SendBatch(ctx, &last).Close()
	}
	if err != nil {
		rollback(ctx, conn)
	}
	return err
}

// rollback ends a transaction in which a statement failed. A connection on which
// even that fails is closed when it is released.
func rollback(ctx context.Context, conn *pgxpool.Conn) {
	if !conn.Conn().IsClosed() && conn.Conn().PgConn().TxStatus() != 'I' {
		_, _ = conn.Exec(ctx, "rollback")
	}
}
