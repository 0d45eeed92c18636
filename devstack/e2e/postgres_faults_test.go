package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"order-service/devstack/postgres"
)

func TestSaleGoesOnAfterPostgresWasRestarted(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*cluster){"stopped": (*cluster).stop, "crashed": (*cluster).crash} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := newCluster(t)
			s := newShop(t, "DATABASE_URL", db.server.URL)
			s.start("all")
			sale := s.openDoors()
			for range either(1, 5) {
				time.Sleep(2 * crowdEvery)
				end(db)
				time.Sleep(either(time.Second, 10*time.Second))
				db.start()
			}
			time.Sleep(2 * crowdEvery)
			sale.settle()
		})
	}
}

// cluster is a Postgres of a test's own, to be ended and started again.
type cluster struct {
	t      *testing.T
	cfg    postgres.Config
	server *postgres.Server
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "order-service-e2e-postgres-") // t.TempDir is closed to Postgres' user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	port := freePort(t)
	d := &cluster{t: t, cfg: postgres.Config{
		Port: func() (int, error) { return port, nil }, Dir: dir, Log: zerolog.New(zerolog.NewTestWriter(t)),
	}}
	d.start()
	t.Cleanup(d.stop)
	return d
}

func (d *cluster) start() {
	d.t.Helper()
	var err error
	if d.server, err = postgres.Start(context.Background(), d.cfg); err != nil {
		d.t.Fatal(err)
	}
}

// stop ends Postgres as its package's script does: connections are cut, the
// data is saved.
func (d *cluster) stop() {
	d.t.Helper()
	if err := d.server.Stop(); err != nil {
		d.t.Error(err)
	}
}

// crash ends Postgres without saving anything; the next start recovers from
// the log.
func (d *cluster) crash() {
	d.t.Helper()
	pidfile, err := os.ReadFile(filepath.Join(d.cfg.Dir, "data", "postmaster.pid"))
	if err != nil {
		d.t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(pidfile), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		d.t.Fatalf("postmaster.pid begins with %q", line)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		d.t.Fatal(err)
	}
	_ = d.server.Stop() // waits; how it ended is no news
}

func TestSaleGoesOnWhileCommitsAreSlow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	s.slowCommits(200 * time.Millisecond)
	sale := s.openDoors()
	time.Sleep(either(4*time.Second, time.Minute))
	sale.settle()
}

// slowCommits makes every commit of a change to an order or a payment take
// longer by d, while it holds its locks.
func (s *shop) slowCommits(d time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db := s.database(ctx)
	defer db.Close(ctx)
	_, err := db.Exec(ctx, `
		CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF current_setting('slow.commit', true) IS DISTINCT FROM txid_current()::text THEN
				PERFORM set_config('slow.commit', txid_current()::text, true), pg_sleep(`+strconv.FormatFloat(d.Seconds(), 'f', -1, 64)+`);
			END IF;
			RETURN NULL;
		END $$;
		CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON orders
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow_commit();
		CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON payments
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow_commit()`)
	if err != nil {
		s.t.Fatal(err)
	}
}
