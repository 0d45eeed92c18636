package measure

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"order-service/devstack/process"
)

const (
	readyWithin = 30 * time.Second
	stopWithin  = 20 * time.Second // order-service takes 15 s at the most
)

// Child is a running server that is measured.
type Child struct {
	Name string
	Addr string // host:port, where /readyz is served

	cmd  *exec.Cmd
	log  tail
	done chan struct{}
	err  error // of the process, once done is closed
}

// StartChild runs a binary, in a group of its own so that a Ctrl-C reaches it
// through this process only, and waits until it says that it is ready.
func StartChild(ctx context.Context, name, addr string, env []string, command ...string) (*Child, error) {
	c := &Child{Name: name, Addr: addr, cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	c.cmd.SysProcAttr = process.Attributes(syscall.SIGTERM, true)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { c.err = c.cmd.Wait(); close(c.done) }()
	if err := c.ready(ctx); err != nil {
		_ = c.Stop() // the first error says more
		return nil, err
	}
	return c, nil
}

// Log is the last that it said.
func (c *Child) Log() string { return c.log.String() }

// PID is its process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

func (c *Child) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if _, err := Fetch(ctx, "http://"+c.Addr+"/readyz"); err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended: %w\n%s", c.Name, c.err, &c.log)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", c.Name, ctx.Err(), &c.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop asks the child to end, as a deployment does, and kills it when it does
// not.
func (c *Child) Stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.done:
	case <-time.After(stopWithin):
		_ = c.cmd.Process.Kill() // it may just have ended
		<-c.done
	}
	if c.err != nil {
		return fmt.Errorf("%s: %w\n%s", c.Name, c.err, &c.log)
	}
	return nil
}

// Fetch returns the body of a 200 answer.
func Fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return body.Bytes(), nil
}
