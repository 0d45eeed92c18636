package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"order-service/devstack/ports"
	"order-service/devstack/process"
)

// stranger is a process of the user that Postgres runs as.
func stranger(t *testing.T) (pid int) {
	t.Helper()
	user, err := process.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	sleep := exec.Command("sleep", "600")
	sleep.SysProcAttr = &syscall.SysProcAttr{}
	user.Lend(sleep.SysProcAttr)
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = sleep.Process.Kill(), sleep.Wait() })
	return sleep.Process.Pid
}

func TestPagesThatAreWrittenWholeArePacked(t *testing.T) {
	s, err := Start(t.Context(), config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop() }()
	conn, err := pgx.Connect(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var possible, packed bool
	err = conn.QueryRow(t.Context(), `
		SELECT coalesce('lz4' = ANY (enumvals), false), setting = 'lz4' FROM pg_settings WHERE name = 'wal_compression'`).Scan(&possible, &packed)
	if err != nil || packed != possible {
		t.Errorf("possible %t, done %t, %v", possible, packed, err)
	}
}

// Postgres refused to start for as long as the pid in its pidfile was anybody's.
func TestAPidfileThatAPowerCutLeftKeepsNoServerFromStarting(t *testing.T) {
	cfg := config(t)
	pidfile := filepath.Join(cfg.Dir, "data", "postmaster.pid")
	rest := startAndStop(t, cfg, pidfile)
	for what, left := range map[string]string{"of a stranger": fmt.Sprintf("%d\n%s", stranger(t), rest), "empty": ""} {
		t.Run(what, func(t *testing.T) {
			user, _ := process.Unprivileged()
			if err := errors.Join(os.WriteFile(pidfile, []byte(left), 0o600), user.Own(pidfile)); err != nil {
				t.Fatal(err)
			}
			startAndStop(t, cfg, pidfile)
		})
	}
}

// config is that of a new cluster.
func config(t *testing.T) Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "devstack-test-") // not t.TempDir, which only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	book, err := ports.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return Config{Port: func() (int, error) { return book.Port("postgres") }, Dir: filepath.Join(dir, "postgres"), Log: zerolog.Nop()}
}

// startAndStop returns what stood in the pidfile behind the pid.
func startAndStop(t *testing.T, cfg Config, pidfile string) string {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(pidfile)
	if err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	_, rest, _ := strings.Cut(string(data), "\n")
	return rest
}
