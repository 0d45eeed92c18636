package e2e

import (
	"context"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A token of a cloud's is a password that is good for minutes: connections that
// are made later, and a leader's, need the one of then.
func TestSaleGoesOnWithAPostgresPasswordThatIsReplaced(t *testing.T) {
	t.Parallel()
	db := newCluster(t)
	root, err := pgx.Connect(t.Context(), db.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close(context.Background()) })
	tell := func(statement string) {
		if _, err := root.Exec(context.Background(), statement); err != nil {
			t.Error(err)
		}
	}
	tell(`CREATE ROLE shop LOGIN PASSWORD 'first'`)
	tell(`GRANT ALL ON SCHEMA public TO shop`)
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, []byte("first\n"))
	u, err := url.Parse(db.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("shop", "second") // which the service does not use: it is the test's, in the end
	s := newShop(t, "DATABASE_URL", u.String(), "DATABASE_PASSWORD_FILE", file)
	s.start("all")
	s.saleThrough(func(string) {
		tell(`ALTER ROLE shop PASSWORD 'second'`)
		write(t, file, []byte("second\n"))
		time.Sleep(time.Second)
		tell(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'`)
	})
}
