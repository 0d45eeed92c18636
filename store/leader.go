package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"order-service/retry"
)

// leadPause is how long a follower waits before it asks again for the lock,
// and a leader before it runs again.
const leadPause = time.Second

// A leader asks the server this often whether it still has its session, and
// must hear within beatTimeout: it has then ended long before the server gives
// a silent session's lock to another (idleLeader).
const (
	beatEvery   = 2 * time.Second
	beatTimeout = 3 * time.Second
)

// Lead runs run while this process holds the advisory lock called name in the
// database's schema: at most one process at a time. It returns ctx's error when
// ctx ends, and not before: a run that returns is begun again after a pause.
//
// The lock belongs to a connection of its own. When that is lost, or silent for
// some seconds, run's ctx ends; until run notices, another process may have
// begun to lead, so run must be safe to run twice.
func (s *Store) Lead(ctx context.Context, name string, run func(ctx context.Context) error) error {
	for {
		if err := s.leadOnce(ctx, name, run); err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Str("lock", name).Msg("leadership ended")
		}
		if !retry.Sleep(ctx, leadPause) {
			return ctx.Err()
		}
	}
}

// leadOnce connects, waits for the lock and runs run once.
func (s *Store) leadOnce(ctx context.Context, name string, run func(context.Context) error) error {
	lent, err := s.sessions.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("store: lead: %w", err)
	}
	conn := lent.Hijack()
	defer release(ctx, conn)
	if err := setUp(bounded(settings{"idle_session_timeout": milliseconds(idleLeader)}))(ctx, conn); err != nil {
		return fmt.Errorf("store: lead: %w", err)
	}
	if err := awaitLock(ctx, conn, name); err != nil {
		return fmt.Errorf("store: lead: %w", err)
	}
	s.log.Info().Str("lock", name).Msg("leading")
	return runWhileHeld(ctx, conn, run)
}

// release ends the session and with it the lock, also when ctx has ended. A
// connection that broke says its farewell on its own: it is waited for, but not
// for longer than a follower pauses.
func release(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leadPause)
	defer cancel()
	_ = conn.Close(ctx) // the socket is closed whatever it returns
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

// awaitLock asks again and again instead of waiting inside Postgres, where the
// open statement's snapshot would keep vacuum from every dead row meanwhile.
func awaitLock(ctx context.Context, conn *pgx.Conn, name string) error {
	for {
		var locked bool
		err := conn.QueryRow(within(ctx, beatTimeout),
			`SELECT pg_try_advisory_lock(hashtextextended('order-service/' || coalesce(current_schema(), '') || '/' || $1, 0))`,
			name).Scan(&locked)
		if err != nil || locked {
			return err
		}
		if !retry.Sleep(ctx, leadPause) {
			return ctx.Err()
		}
	}
}

// runWhileHeld ends run's ctx as soon as the lock may be lost.
func runWhileHeld(ctx context.Context, conn *pgx.Conn, run func(context.Context) error) error {
	runCtx, cancel := context.WithCancelCause(ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		cancel(fmt.Errorf("store: lead: the lock is lost: %w", keepBeating(runCtx, conn)))
	}()
	err := run(runCtx)
	if cause := context.Cause(runCtx); cause != nil {
		err = cause // why run had to end says more than how it did
	}
	cancel(nil)
	<-beating
	return err
}

// keepBeating returns when the session has ended, when the server is silent or
// takes no writes any more, and when ctx ends.
func keepBeating(ctx context.Context, conn *pgx.Conn) error {
	for {
		if err := listen(ctx, conn); err != nil {
			return err
		}
		demoted, err := readOnly(within(ctx, beatTimeout), conn)
		if err != nil {
			return err
		}
		if demoted {
			return pgconn.ErrReadOnlyConnection
		}
	}
}

// listen returns nil after beatEvery. Waiting for a notification, which nobody
// sends, is a read that ends at once when the connection breaks.
func listen(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	for {
		_, err := conn.WaitForNotification(ctx)
		switch {
		case err == nil:
		case errors.Is(context.Cause(ctx), context.DeadlineExceeded) && !conn.IsClosed():
			return nil
		default:
			return err
		}
	}
}
