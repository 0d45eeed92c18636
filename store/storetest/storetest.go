// Package storetest gives each test a Postgres schema of its own.
package storetest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"order-service/store"
)

// patience bounds what may take long only when a server hangs.
const patience = 2 * time.Minute

// New returns a migrated Store in a schema of its own, on the server that
// DATABASE_URL names. Both are gone when the test ends. Without DATABASE_URL
// the test fails.
func New(t testing.TB) *store.Store {
	t.Helper()
	return Open(t, URL(t))
}

// Open migrates and returns a Store at a URL, closed when the test ends.
func Open(t testing.TB, url string) *store.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := store.Open(ctx, store.Config{URL: url, MaxConns: 8, Log: zerolog.Nop()})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(ctx); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return s
}

// URL makes an empty schema and returns a libpq URL whose search_path it is.
// The schema is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	base := os.Getenv("DATABASE_URL")
	if base == "" {
		t.Fatal("DATABASE_URL is not set: this test needs a Postgres server")
	}
	schema := "test_" + strings.ToLower(rand.Text())
	execute(t, base, `CREATE SCHEMA `+schema)
	t.Cleanup(func() { execute(t, base, `DROP SCHEMA `+schema+` CASCADE`) })
	return withSearchPath(t, base, schema)
}

func withSearchPath(t testing.TB, base, schema string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("DATABASE_URL: %v", err)
	}
	query := u.Query()
	query.Set("options", strings.TrimSpace(query.Get("options")+" -csearch_path="+schema))
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // libpq decodes only percent signs
	return u.String()
}

func execute(t testing.TB, url, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}
