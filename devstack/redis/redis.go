// Package redis runs the machine's redis-server, or miniredis in this process
// where there is none.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"order-service/devstack/process"
)

// ErrMissing is for those who cannot do with the other Kind.
var ErrMissing = errors.New("redis-server is missing (Debian: apt-get install redis-server)")

// databases is enough for one logical database per test.
const databases = 256

// Config says where a Server listens and keeps its data.
type Config struct {
	Port func() (int, error) // called when no server is left in Dir: the last port is free then
	Dir  string              // for pidfile and log
	Log  zerolog.Logger

	Arguments []string // of redis-server, after the package's own
}

// Server is a running Redis.
type Server struct {
	URL     string
	Address string // host:port
	Kind    string // "redis-server" or "miniredis"
	stop    func() error
	kill    func() error
}

// Stop ends the server.
func (s *Server) Stop() error { return s.stop() }

// Kill ends the server as a crash does.
func (s *Server) Kill() error { return s.kill() }

// Start runs a Redis on a loopback port and returns when it answers.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := process.EndStale(cfg.pidfile(), "redis-server", syscall.SIGTERM, 15*time.Second); err != nil {
		return nil, err
	}
	port, err := cfg.Port()
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return startMini(addr)
	}
	return cfg.startServer(ctx, path, addr, port)
}

func (cfg Config) pidfile() string { return filepath.Join(cfg.Dir, "redis.pid") }

func (cfg Config) startServer(ctx context.Context, path, addr string, port int) (*Server, error) {
	p, err := process.Start(process.Command{
		Name: "redis-server", Path: path, Dir: cfg.Dir, Args: cfg.arguments(port),
		Log: filepath.Join(cfg.Dir, "redis.log"), Quit: syscall.SIGTERM,
	}, cfg.Log)
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "redis://" + addr + "/0", Address: addr, Kind: "redis-server",
		stop: func() error { return p.Stop(15 * time.Second) }, kill: p.Kill,
	}
	if err := answers(ctx, addr, p.Done()); err != nil {
		_ = s.Stop()
		return nil, fmt.Errorf("redis-server does not answer: %w\n%s", err, p.Tail())
	}
	return s, nil
}

// arguments keep nothing on disk, as compose.yaml does: what the gate has is a
// copy, which is rebuilt from the ledger, and a write that waits for a disk is
// longer than a buyer is made to wait for Redis.
func (cfg Config) arguments(port int) []string {
	return append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", cfg.Dir,
		"--pidfile", cfg.pidfile(), "--daemonize", "no", "--databases", strconv.Itoa(databases),
		"--save", "", "--appendonly", "no",
	}, cfg.Arguments...)
}

func startMini(addr string) (*Server, error) {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.StartAddr(addr); err != nil {
		return nil, fmt.Errorf("start miniredis: %w", err)
	}
	end := func() error { m.Close(); return nil }
	return &Server{URL: "redis://" + addr + "/0", Address: addr, Kind: "miniredis", stop: end, kill: end}, nil
}

// answers returns when a PING at addr is answered: while it loads its file,
// Redis listens but refuses commands. It gives up when the server has ended.
func answers(ctx context.Context, addr string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: -1})
	defer c.Close()
	for {
		err := c.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended at once: %w", err)
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
