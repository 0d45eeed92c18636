package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"order-service/devstack/process"
)

// cluster is a database cluster on disk that is ready to be served.
type cluster struct {
	Config
	bin      binaries
	user     *process.User
	port     int
	password string
}

func (c cluster) data() string { return filepath.Join(c.Dir, "data") }

// prepare finds the binaries, ends a server that an earlier run left in Dir,
// and initialises the cluster when there is none.
func prepare(ctx context.Context, cfg Config) (cluster, error) {
	c := cluster{Config: cfg}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return c, err
	}
	var err error
	if c.user, err = process.Unprivileged(); err != nil {
		return c, err
	}
	if c.password, err = password(c.passwordFile()); err != nil {
		return c, err
	}
	if err := errors.Join(c.user.Own(cfg.Dir), c.user.MayEnter(cfg.Dir)); err != nil {
		return c, err
	}
	pidfile := filepath.Join(c.data(), "postmaster.pid")
	if _, err := process.EndStale(pidfile, c.data(), syscall.SIGINT, time.Minute); err != nil {
		return c, err
	}
	if c.port, err = cfg.Port(); err != nil {
		return c, err
	}
	if c.bin, err = find(ctx, c); err != nil {
		return c, err
	}
	return c, c.init(ctx)
}

func (c cluster) passwordFile() string { return filepath.Join(c.Dir, "password") }

// major is the version of Postgres that made the cluster, "" when there is none.
func (c cluster) major() string {
	data, _ := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	return strings.TrimSpace(string(data))
}

// init makes the cluster under another name first: what a killed initdb leaves
// must not be taken for a cluster.
func (c cluster) init(ctx context.Context) error {
	if c.major() != "" {
		return nil
	}
	fresh := c.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	args := []string{"-D", fresh, "-U", role, "--auth=scram-sha-256", "--pwfile=" + c.passwordFile(), "--encoding=UTF8", "--locale=C"}
	if !c.Durable {
		args = append(args, "--no-sync")
	}
	initdb := exec.CommandContext(ctx, c.bin.path("initdb"), args...)
	initdb.Dir = c.Dir
	initdb.SysProcAttr = &syscall.SysProcAttr{}
	c.user.Lend(initdb.SysProcAttr)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Rename(fresh, c.data())
}
