// Package process runs server programs as children that never outlive this
// process, and ends those an earlier run left behind.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// Command is a server program to run.
type Command struct {
	Name string // for messages
	Path string
	Args []string
	Dir  string
	User *User          // nil: as this process's user
	Log  string         // file that its output is appended to
	Quit syscall.Signal // asks it to end cleanly; on Linux it gets this too when this process dies

	PIDFile string // written for a program that writes none itself, for EndStale
}

// Process is a running Command and the goroutine that waits for it.
type Process struct {
	cmd      Command
	exec     *exec.Cmd
	stopping atomic.Bool
	done     chan struct{}
	err      error // set before done is closed
}

// Start runs c in a process group of its own, so that a Ctrl-C at the terminal
// does not reach a server before the command that uses it. An end that nobody
// asked for is logged.
func Start(c Command, log zerolog.Logger) (*Process, error) {
	out, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the log of %s: %w", c.Name, err)
	}
	defer out.Close()
	p := &Process{cmd: c, exec: exec.Command(c.Path, c.Args...), done: make(chan struct{})}
	p.exec.Dir, p.exec.Stdout, p.exec.Stderr = c.Dir, out, out
	p.exec.SysProcAttr = Attributes(c.Quit, true)
	c.User.Lend(p.exec.SysProcAttr)
	if err := p.exec.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go p.wait(log)
	if err := p.writePID(); err != nil {
		return nil, errors.Join(err, p.Stop(time.Minute))
	}
	return p, nil
}

func (p *Process) writePID() error {
	if p.cmd.PIDFile == "" {
		return nil
	}
	return os.WriteFile(p.cmd.PIDFile, fmt.Appendln(nil, p.exec.Process.Pid), 0o600)
}

func (p *Process) wait(log zerolog.Logger) {
	p.err = p.exec.Wait()
	if !p.stopping.Load() {
		log.Error().AnErr("cause", p.err).Str("log", p.cmd.Log).Msg(p.cmd.Name + " ended by itself")
	}
	close(p.done)
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop asks the process to end, and kills it after timeout. It returns an
// error when killing was necessary.
func (p *Process) Stop(timeout time.Duration) error {
	p.stopping.Store(true)
	_ = p.exec.Process.Signal(p.cmd.Quit) // it may have ended already
	select {
	case <-p.done:
		return nil
	case <-time.After(timeout):
	}
	_ = p.Kill()
	return fmt.Errorf("%s did not end within %s and was killed", p.cmd.Name, timeout)
}

// Kill ends the process as a crash does, and waits.
func (p *Process) Kill() error {
	p.stopping.Store(true)
	err := p.exec.Process.Kill()
	<-p.done
	return err
}

// Tail returns the last lines of the process's log, for an error message.
func (p *Process) Tail() string {
	data, err := os.ReadFile(p.cmd.Log)
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
}
