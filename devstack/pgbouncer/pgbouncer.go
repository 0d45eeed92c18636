// Package pgbouncer runs the machine's PgBouncer in transaction mode before a
// Postgres server.
package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"order-service/devstack/process"
)

// ErrMissing is returned where there is no PgBouncer.
var ErrMissing = errors.New("pgbouncer is missing (Debian: apt-get install pgbouncer)")

// Config says where a Pooler listens and which server it leads to.
type Config struct {
	Port     int    // loopback port
	Dir      string // for settings and log; an unprivileged user must be able to enter it
	Database string // libpq URL of the server
	Log      zerolog.Logger
}

// Pooler is a running PgBouncer.
type Pooler struct {
	URL     string // Database's, by way of the pooler
	process *process.Process
}

// Start runs PgBouncer and returns when the server answers through it. Under
// root it runs as an unprivileged user, as it insists.
func Start(ctx context.Context, cfg Config) (*Pooler, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	behind, err := url.Parse(cfg.Database)
	if err != nil {
		return nil, err
	}
	user, err := process.Unprivileged()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(cfg.write(behind), user.Own(cfg.Dir), user.MayEnter(cfg.Dir)); err != nil {
		return nil, err
	}
	run, err := process.Start(process.Command{
		Name: "pgbouncer", Path: path, Args: []string{cfg.settings()}, Dir: cfg.Dir, User: user,
		Log: filepath.Join(cfg.Dir, "pgbouncer.log"), Quit: syscall.SIGTERM,
	}, cfg.Log)
	if err != nil {
		return nil, err
	}
	behind.Host, behind.RawQuery = net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port)), "sslmode=disable"
	p := &Pooler{URL: behind.String(), process: run}
	if err := p.answers(ctx); err != nil {
		_ = p.Stop()
		return nil, fmt.Errorf("pgbouncer does not answer: %w\n%s", err, run.Tail())
	}
	return p, nil
}

// find looks where Debian puts it, which only root has in PATH.
func find() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

func (cfg Config) settings() string { return filepath.Join(cfg.Dir, "pgbouncer.ini") }

// write writes the settings: four sessions for all, so that clients share them
// from the first statement on.
func (cfg Config) write(behind *url.URL) error {
	users := filepath.Join(cfg.Dir, "users")
	password, _ := behind.User.Password()
	text := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 4
server_login_retry = 1
`, behind.Hostname(), behind.Port(), cfg.Port, users)
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	return errors.Join(
		os.WriteFile(cfg.settings(), []byte(text), 0o600),
		os.WriteFile(users, []byte(quoted(behind.User.Username())+" "+quoted(password)+"\n"), 0o600))
}

func (p *Pooler) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, p.URL)
		if err == nil {
			return errors.Join(conn.Ping(ctx), conn.Close(ctx))
		}
		select {
		case <-p.process.Done():
			return fmt.Errorf("it ended at once: %w", err)
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the pooler at once: its clients' transactions are rolled back.
func (p *Pooler) Stop() error { return p.process.Stop(10 * time.Second) }
