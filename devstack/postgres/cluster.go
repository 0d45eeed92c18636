package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
// and has the cluster made when there is none.
func prepare(ctx context.Context, cfg Config, make func(context.Context, cluster) error) (cluster, error) {
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
	if err := disown(pidfile); err != nil {
		return c, err
	}
	if c.port, err = cfg.Port(); err != nil {
		return c, err
	}
	if c.bin, err = find(ctx, c); err != nil {
		return c, err
	}
	if c.major() == "" {
		err = make(ctx, c)
		c.password, _ = password(c.passwordFile()) // a copy has its original's
	}
	return c, err
}

// disown keeps Postgres from taking whoever has the pid of its last server by
// now, after a power cut or in a new container, for that server: it would only
// ask whether the process lives. Its parent, which this process is, it never
// takes for one. The rest of the file stays, by which it finds out whether
// backends still use the last server's memory. It refuses an empty file.
func disown(pidfile string) error {
	data, err := os.ReadFile(pidfile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, rest, whole := strings.Cut(string(data), "\n")
	if !whole {
		return os.Remove(pidfile)
	}
	return os.WriteFile(pidfile, fmt.Appendf(nil, "%d\n%s", os.Getpid(), rest), 0o600)
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
	fresh := c.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	args := []string{"-D", fresh, "-U", role, "--auth=scram-sha-256", "--pwfile=" + c.passwordFile(), "--encoding=UTF8", "--locale=C"}
	if !c.Durable {
		args = append(args, "--no-sync")
	}
	if err := c.run(ctx, "initdb", args...); err != nil {
		return err
	}
	return os.Rename(fresh, c.data())
}
