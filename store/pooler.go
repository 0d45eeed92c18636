package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A pooler, such as PgBouncer in transaction mode, lends a connection one of its
// sessions for the time of a transaction. What a session keeps is then found by
// whoever gets it next: prepared statements, settings, the leader's lock.

// pooled reports whether a connection leads to a pooler. That has sessions of
// its own, so the process it names when connected to is not the one that answers.
//
// A pooler in session mode looks the same, and is taken for the other kind: which
// one it is shows only when somebody else has been given the session.
func pooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(within(ctx, connectTimeout), `SELECT pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid != conn.PgConn().PID(), err
}

// leadsToPooler asks once, over a connection that is made for it.
func leadsToPooler(ctx context.Context, conf *pgxpool.Config) (is bool, err error) {
	one := conf.ConnConfig.Copy()
	if err := conf.BeforeConnect(ctx, one); err != nil {
		return false, err
	}
	conn, err := pgx.ConnectConfig(ctx, one)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return pooled(ctx, conn)
}

// shareSessions makes a pool one that a pooler can stand. A statement is sent
// with each use and its description remembered, which takes no more round trips
// than one that is prepared; and a session gets no settings.
func shareSessions(conf *pgxpool.Config) {
	conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	conf.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		readUTC(conn)
		return nil
	}
}

// misdirected says that DATABASE_URL and DATABASE_DIRECT_URL do not fit each other.
type misdirected string

// Error returns what to do about it.
func (m misdirected) Error() string { return string(m) }

const (
	errNoDirect     = misdirected("DATABASE_URL leads through a connection pooler, such as PgBouncer: DATABASE_DIRECT_URL must name the server itself, for migrations and the leader's lock")
	errPooledDirect = misdirected("DATABASE_DIRECT_URL leads through a connection pooler, such as PgBouncer: it must name the server itself")
	errElsewhere    = misdirected("DATABASE_DIRECT_URL leads to another server, database or schema than DATABASE_URL")
)

// ownSession refuses a connection through a pooler with the error refusal.
func ownSession(refusal error, then func(context.Context, *pgx.Conn) error) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		through, err := pooled(ctx, conn)
		if err != nil {
			return err
		}
		if through {
			return refusal
		}
		return then(ctx, conn)
	}
}

// requireSamePlace makes sure that the direct way leads to where the statements
// go. A lock that is held elsewhere keeps nobody from leading twice.
func (s *Store) requireSamePlace(ctx context.Context) error {
	var places [2]string
	for i, db := range []*pgxpool.Pool{s.pool, s.sessions} {
		err := db.QueryRow(ctx, `
			SELECT concat_ws(' ', extract(epoch from pg_postmaster_start_time()), current_database(), current_schema())`).Scan(&places[i])
		if wrong, ok := errors.AsType[misdirected](err); ok {
			return wrong
		}
		if err != nil {
			return dbError("migrate", err)
		}
	}
	if places[0] != places[1] {
		return errElsewhere
	}
	return nil
}
