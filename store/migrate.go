package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"order-service/retry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// How often, in seconds, and how many times to try the migration lock.
const (
	lockPeriod = 1
	lockTries  = 300
)

// migrationWait is how long a migration waits for a table that somebody reads, as
// a backup does for an hour. Behind one that waits everybody waits, the buyers of
// the previous version among them: it steps back, lets them pass and tries again.
// One that has to wait, such as an index that is made CONCURRENTLY, sets its own.
const migrationWait = time.Second

// Migrate brings the schema to the newest version. Any number of processes may
// call it at once: an advisory lock lets one through at a time. A migrated
// schema is left alone.
func (s *Store) Migrate(ctx context.Context) error {
	ctx = within(ctx, migrateTimeout)
	if s.shared || s.direct {
		if err := s.requireSamePlace(ctx); err != nil {
			return err
		}
	}
	db := stdlib.OpenDBFromPool(s.sessions)
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	locker, err := s.migrationLock(ctx)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	err = s.up(ctx, provider)
	for failures := 1; sqlClass(err, "55P03") && retry.Sleep(ctx, retry.Pause(failures)); failures++ { // lock not available
		s.log.Warn().Err(err).Msg("a migration waits for a table that is in use")
		err = s.up(ctx, provider)
	}
	return dbError("migrate", err)
}

func (s *Store) up(ctx context.Context, provider *goose.Provider) error {
	done, err := provider.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		done = partial.Applied
	}
	for _, m := range done {
		s.log.Info().Str("migration", m.Source.Path).Dur("took", m.Duration).Msg("migrated")
	}
	return err
}

// migrationLock makes a lock per schema. Advisory locks belong to the whole
// database, and schemas of one database migrate independently.
func (s *Store) migrationLock(ctx context.Context) (lock.SessionLocker, error) {
	var schema string
	if err := s.sessions.QueryRow(ctx, "SELECT coalesce(current_schema(), '')").Scan(&schema); err != nil {
		return nil, dbError("migrate", err)
	}
	id := fnv.New64a()
	fmt.Fprintf(id, "order-service/migrate/%s", schema)
	return lock.NewPostgresSessionLocker(lock.WithLockID(int64(id.Sum64())), lock.WithLockTimeout(lockPeriod, lockTries))
}
