package postgres

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// StartStandby copies the primary's cluster and serves the copy, which follows
// the primary and takes reads only until Promote. From its return on the
// primary answers a commit when the standby has it too.
func StartStandby(ctx context.Context, cfg Config, primary *Server) (*Server, error) {
	c, err := prepare(ctx, cfg, func(ctx context.Context, c cluster) error { return c.copyOf(ctx, primary) })
	if err != nil {
		return nil, err
	}
	s, err := c.serve(ctx)
	if err != nil {
		return nil, err
	}
	return s, primary.execute(ctx,
		`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`)
}

// Promote makes a standby the primary.
func (s *Server) Promote(ctx context.Context) error { return s.execute(ctx, `SELECT pg_promote()`) }

// ReadOnly has the server refuse to write, over old connections and new ones,
// or ends that. It has come to pass when ReadOnly returns.
func (s *Server) ReadOnly(ctx context.Context, yes bool) error {
	err := s.execute(ctx, `SET default_transaction_read_only = off`,
		fmt.Sprintf(`ALTER SYSTEM SET default_transaction_read_only = %t`, yes), `SELECT pg_reload_conf()`)
	for is := !yes; err == nil && is != yes; {
		is, err = s.readOnly(ctx)
	}
	return err
}

// readOnly reports whether a new connection refuses to write. The server tells the
// old ones before it makes a new one.
func (s *Server) readOnly(ctx context.Context) (is bool, err error) {
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = conn.QueryRow(ctx, `SELECT current_setting('default_transaction_read_only')::boolean`).Scan(&is)
	return is, err
}

func (s *Server) execute(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// copyOf makes the cluster a copy of primary's, with its password.
func (c cluster) copyOf(ctx context.Context, primary *Server) error {
	u, err := url.Parse(primary.URL)
	if err != nil {
		return err
	}
	secret, _ := u.User.Password()
	if err := os.WriteFile(c.passwordFile(), []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	return c.run(ctx, "pg_basebackup", "-D", c.data(), "-d", primary.URL,
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
}

// run runs one of Postgres' programs as the cluster's user.
func (c cluster) run(ctx context.Context, program string, args ...string) error {
	command := exec.CommandContext(ctx, c.bin.path(program), args...)
	command.Dir = c.Dir
	command.SysProcAttr = &syscall.SysProcAttr{}
	c.user.Lend(command.SysProcAttr)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}
