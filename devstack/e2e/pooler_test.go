package e2e

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"order-service/devstack/pgbouncer"
)

// pooler is a PgBouncer in transaction mode before a database of a test's own,
// which keeps its address when it is started again.
type pooler struct {
	t       *testing.T
	cfg     pgbouncer.Config
	running *pgbouncer.Pooler
}

func newPooler(t *testing.T, database string) *pooler {
	t.Helper()
	dir, err := os.MkdirTemp("", "order-service-e2e-pgbouncer-") // t.TempDir is closed to its user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &pooler{t: t, cfg: pgbouncer.Config{
		Port: freePort(t), Dir: dir, Database: database, Log: zerolog.New(zerolog.NewTestWriter(t)),
	}}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *pooler) start() {
	p.t.Helper()
	var err error
	p.running, err = pgbouncer.Start(p.t.Context(), p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pooler) stop() {
	p.t.Helper()
	if err := p.running.Stop(); err != nil {
		p.t.Error(err)
	}
}

// Each statement may meet another session: prepared statements, settings and
// locks are not where they were left.
func TestSaleGoesOnThroughAPoolerAndWhileItIsStartedAnew(t *testing.T) {
	t.Parallel()
	db := newCluster(t)
	p := newPooler(t, db.server.URL)
	s := newShop(t, "DATABASE_URL", p.running.URL, "DATABASE_DIRECT_URL", db.server.URL)
	svc := s.start("all")
	s.start("api")
	s.saleThrough(func(string) {
		p.stop()
		time.Sleep(time.Second)
		p.start()
	})
	if !svc.log.has(`"lock":"upkeep"`) && !s.services[1].log.has(`"lock":"upkeep"`) {
		t.Error("nobody leads the upkeep")
	}
}

// A lock that was left in a pooler kept every process from leading, and most
// starts ended with "prepared statement already exists".
func TestStartThroughAPoolerAloneIsRefusedByItsName(t *testing.T) {
	t.Parallel()
	db := newCluster(t)
	p := newPooler(t, db.server.URL)
	for name, c := range map[string]struct{ direct, want string }{
		"without a direct URL":  {"", "DATABASE_URL leads through a connection pooler, such as PgBouncer: DATABASE_DIRECT_URL must name the server itself"},
		"with the pooler's own": {p.running.URL, "DATABASE_DIRECT_URL leads through a connection pooler"},
		"with another database": {strings.Replace(db.server.URL, "/orders", "/postgres", 1), "DATABASE_DIRECT_URL leads to another server, database or schema"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shop{t: t, env: map[string]string{
				"DATABASE_URL": p.running.URL, "DATABASE_DIRECT_URL": c.direct, "JWT_SECRET": rand.Text() + rand.Text(),
				"PAYMENT_SANDBOX": "true", "HTTP_ADDR": freeAddr(t), "PAYMENT_WEBHOOK_SECRET": "whsec_" + strings.Repeat("QUJD", 8),
			}}
			for _, args := range [][]string{{"--role=all"}, {"--migrate"}} {
				begun := time.Now()
				out, err := s.run(args...)
				if _, ended := errors.AsType[*exec.ExitError](err); !ended || !strings.Contains(out, c.want) {
					t.Errorf("%v: %v, want %q:\n%s", args, err, c.want, out)
				}
				// A server that may come is waited for, and each try is told of.
				if took := time.Since(begun); took > 20*time.Second && strings.Contains(out, "cannot be reached yet") {
					t.Errorf("%v: the refusal took %s:\n%s", args, took, out)
				}
			}
		})
	}
}
