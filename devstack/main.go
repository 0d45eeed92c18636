// Command devstack runs a command with real backends around it.
//
// It starts what the environment does not name yet, exports the addresses,
// runs the command, forwards signals to it, stops all in reverse and returns
// the command's exit status.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// Exit codes of devstack itself, those of env(1) and timeout(1); any other is
// the command's.
const (
	exitUsage      = 2
	exitFailed     = 125 // a backend did not start
	exitCannotExec = 126
	exitNotFound   = 127
	exitSignal     = 128 // plus the signal that ended the command
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // by nohup: it is to outlive its terminal
		signal.Notify(signals, syscall.SIGHUP)
	}
	os.Exit(run(os.Args[1:], os.Environ(), signals, os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(args, environ []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	if errors.Is(err, errHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	log := newLog(stderr)
	if err != nil {
		log.Error().Err(err).Msg("devstack --help lists the options")
		return exitUsage
	}
	stack, err := newStack(opts, environ, log)
	if err != nil {
		log.Error().Err(advised(err)).Msg("cannot start")
		return exitFailed
	}
	defer stack.stop()
	if err := startInterruptibly(stack, signals); err != nil {
		log.Error().Err(advised(err)).Msg("cannot start")
		return exitFailed
	}
	return stack.use(opts, signals, stdout)
}

// advised adds to a permission that is missing what that mostly comes from.
func advised(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; what a run as another user, such as root, has made is that user's: run as that one, give it away by chown, or remove it", err)
	}
	return err
}

// startInterruptibly starts the parts; a signal meanwhile ends the start, which
// finishes a download first. A second one ends it as kill -9 does.
func startInterruptibly(s *stack, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	started := make(chan error, 1)
	go func() { started <- s.start(ctx) }()
	select {
	case err := <-started:
		return err
	case sig := <-signals:
		cancel(fmt.Errorf("stopped by signal: %s", sig))
	}
	go func() {
		<-signals
		os.Exit(exitFailed)
	}()
	<-started // its error is that it was interrupted
	return context.Cause(ctx)
}

// use runs the command among the started parts; without one it prints their
// addresses and waits for a signal.
func (s *stack) use(opts options, signals <-chan os.Signal, stdout io.Writer) int {
	if len(opts.command) == 0 {
		for _, name := range s.exported {
			fmt.Fprintf(stdout, "export %s='%s'\n", name, s.env[name])
		}
		<-signals
		return 0
	}
	ctx, cancel := context.WithCancel(context.Background())
	demo := make(chan struct{})
	go func() {
		defer close(demo)
		if opts.demo {
			s.demo(ctx, stdout)
		}
	}()
	code := runCommand(opts.command, s.environ(), signals, s.log)
	cancel()
	<-demo
	return code
}

// newLog tells devstack's lines from the command's, which go to the same
// terminal and may look alike.
func newLog(stderr io.Writer) zerolog.Logger {
	file, ok := stderr.(*os.File)
	return zerolog.New(zerolog.ConsoleWriter{
		Out: stderr, TimeFormat: time.TimeOnly, NoColor: !ok || !terminal(file),
		FormatMessage: func(msg any) string { return fmt.Sprint("devstack: ", msg) },
	}).With().Timestamp().Logger()
}
