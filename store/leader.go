package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// leadPause is how long a follower waits before it asks again for the lock,
// and a leader before it runs again.
const leadPause = time.Second

// Lead runs run while this process holds the advisory lock called name in the
// database's schema: at most one process at a time. It returns ctx's error when
// ctx ends, and not before: a run that returns is begun again after a pause.
//
// The lock belongs to a connection of its own. When that is lost, run's ctx
// ends; until run notices, another process may have begun to lead, so run must
// be safe to run twice.
func (s *Store) Lead(ctx context.Context, name string, run func(ctx context.Context) error) error {
	for {
		if err := s.leadOnce(ctx, name, run); err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Str("lock", name).Msg("leadership ended")
		}
		if !sleep(ctx, leadPause) {
			return ctx.Err()
		}
	}
}

// leadOnce connects, waits for the lock and runs run once.
func (s *Store) leadOnce(ctx context.Context, name string, run func(context.Context) error) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("store: lead: %w", err)
	}
	defer release(ctx, conn)
	if err := awaitLock(ctx, conn, name); err != nil {
		return fmt.Errorf("store: lead: %w", err)
	}
	s.log.Info().Str("lock", name).Msg("leading")
	return runWhileConnected(ctx, conn, run)
}

// release ends the session and with it the lock, also when ctx has ended.
func release(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leadPause)
	defer cancel()
	_ = conn.Close(ctx) // the socket is closed whatever it returns
}

// awaitLock asks again and again instead of waiting inside Postgres, where the
// open statement's snapshot would keep vacuum from every dead row meanwhile.
func awaitLock(ctx context.Context, conn *pgx.Conn, name string) error {
	for {
		var locked bool
		err := conn.QueryRow(ctx,
			`SELECT pg_try_advisory_lock(hashtextextended('order-service/' || coalesce(current_schema(), '') || '/' || $1, 0))`,
			name).Scan(&locked)
		if err != nil || locked {
			return err
		}
		if !sleep(ctx, leadPause) {
			return ctx.Err()
		}
	}
}

// runWhileConnected ends run's ctx as soon as the connection breaks. Waiting
// for a notification, which nobody sends, is a read that returns only then.
func runWhileConnected(ctx context.Context, conn *pgx.Conn, run func(context.Context) error) error {
	runCtx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for runCtx.Err() == nil {
			if _, err := conn.WaitForNotification(runCtx); err != nil {
				cancel(fmt.Errorf("store: lead: the lock is lost: %w", err))
			}
		}
	}()
	err := run(runCtx)
	if cause := context.Cause(runCtx); cause != nil {
		err = cause // why run had to end says more than how it did
	}
	cancel(nil)
	<-watched
	return err
}
