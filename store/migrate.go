package store

import (
	"context"
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// How often, in seconds, and how many times to try the migration lock.
const (
	lockPeriod = 1
	lockTries  = 300
)

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
	done, err := provider.Up(ctx)
	for _, m := range done {
		s.log.Info().Str("migration", m.Source.Path).Dur("took", m.Duration).Msg("migrated")
	}
	return dbError("migrate", err)
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
