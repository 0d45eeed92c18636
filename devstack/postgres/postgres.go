// Package postgres runs a private Postgres server: from the machine's
// binaries, or from downloaded ones where it has none.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"

	"order-service/devstack/keep"
	"order-service/devstack/process"
)

const (
	role     = "postgres"
	database = "orders"
)

// Config says where a Server listens and keeps its data.
type Config struct {
	Port    func() (int, error) // called when no server is left in Dir: the last port is free then
	Dir     string              // for the cluster, its password and its log
	Durable bool                // sync to disk; without it a power cut loses the cluster, a crash of Postgres nothing
	Log     zerolog.Logger
}

// Server is a running Postgres.
type Server struct {
	URL     string // libpq URL with the password
	Address string // host:port
	Version string // version and origin of the binaries, for people
	process *process.Process
}

// Start runs Postgres on a loopback port and returns when its database is
// there. Under root the server runs as an unprivileged user, who must be able
// to enter Dir.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	c, err := prepare(ctx, cfg, func(ctx context.Context, c cluster) error { return c.init(ctx) })
	if err != nil {
		return nil, err
	}
	return c.serve(ctx)
}

// serve runs Postgres on the cluster.
func (c cluster) serve(ctx context.Context) (*Server, error) {
	p, err := process.Start(process.Command{
		Name: "postgres", Path: c.bin.path("postgres"), Args: c.arguments(), Dir: c.data(), User: c.user,
		Log: filepath.Join(c.Dir, "postgres.log"), Quit: syscall.SIGINT, // Postgres: fast shutdown
	}, c.Log)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: c.url(database), Address: c.address(), Version: c.bin.String(), process: p}
	if err := c.createDatabase(ctx, p.Done()); err != nil {
		_ = s.Stop()
		return nil, fmt.Errorf("postgres does not serve: %w\n%s", err, p.Tail())
	}
	return s, nil
}

// Stop ends the server: open transactions are rolled back, the rest is saved.
func (s *Server) Stop() error { return s.process.Stop(30 * time.Second) }

// arguments are settings for a developer's machine: many small pools at once,
// room for a sale's burst of writes between checkpoints, no sockets in /tmp.
// synchronous_commit stays on in any case, so that commits queue and batch as
// they do in production; figures are taken with Durable.
func (c cluster) arguments() []string {
	fsync := "off"
	if c.Durable {
		fsync = "on"
	}
	args := []string{"-D", c.data()}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(c.port), "unix_socket_directories=",
		"max_connections=300", "shared_buffers=256MB", "max_wal_size=2GB", "checkpoint_timeout=15min",
		"synchronous_commit=on", "fsync=" + fsync, "full_page_writes=" + fsync,
		"jit=off", "timezone=UTC", "log_timezone=UTC", "logging_collector=off", "log_checkpoints=off",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

func (c cluster) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

func (c cluster) url(db string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, c.password), Path: "/" + db,
		Host: c.address(), RawQuery: "sslmode=disable",
	}
	return u.String()
}

// createDatabase waits until the server accepts connections, which after a
// crash takes as long as its recovery, creates the database when missing, and sets
// what not every Postgres has.
// A standby has that of its primary, with its settings.
func (c cluster) createDatabase(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	conn, err := connect(ctx, c.url("postgres"), ended)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	switch {
	case refused(err, "25006"): // read_only_sql_transaction
		return nil
	case err != nil && !refused(err, "42P04"): // duplicate_database
		return err
	}
	// The first change of a page after a checkpoint writes the whole page, and orders of
	// many buyers are on as many pages of an index. Among the arguments it would keep a
	// Postgres from starting that has no LZ4.
	_, err = conn.Exec(ctx, "ALTER DATABASE "+database+" SET wal_compression = lz4")
	if refused(err, "22023") { // invalid_parameter_value: older than 15, or built without LZ4
		return nil
	}
	return err
}

// refused is whether Postgres answered with this SQLSTATE.
func refused(err error, state string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == state
}

func connect(ctx context.Context, url string, ended <-chan struct{}) (*pgx.Conn, error) {
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("it ended at once: %w", err)
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// password returns the one kept in file, generating it on first use.
func password(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	generated := rand.Text()
	return generated, keep.File(file, []byte(generated+"\n"), 0o600)
}
