package e2e

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// newSchema makes an empty schema and returns a libpq URL that leads into it.
// The schema is dropped when the test ends.
func newSchema(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatalf("DATABASE_URL: %v", err)
	}
	schema := "e2e_" + strings.ToLower(rand.Text())
	execute(t, `CREATE SCHEMA `+schema)
	t.Cleanup(func() { execute(t, `DROP SCHEMA `+schema+` CASCADE`) })
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// database opens a session at the shop's database itself: behind a pooler it
// may find another's prepared statements under the names of its own.
func (s *shop) database(ctx context.Context) *pgx.Conn {
	s.t.Helper()
	db, err := pgx.Connect(ctx, cmp.Or(s.env["DATABASE_DIRECT_URL"], s.env["DATABASE_URL"]))
	if err != nil {
		s.t.Fatal(err)
	}
	return db
}

// ask reads one row of the shop's database into dest.
func (s *shop) ask(sql string, dest ...any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db := s.database(ctx)
	defer db.Close(ctx)
	if err := db.QueryRow(ctx, sql).Scan(dest...); err != nil {
		s.t.Fatal(err)
	}
}

func execute(t *testing.T, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(ctx)
	if _, err := db.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}
