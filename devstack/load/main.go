// Command load plays a sale against a running order-service and measures what
// buyers would see.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the run could not be made, or something was lost
	exitUsage  = 2
	exitVoid   = 3 // the tool was too slow: its figures mean nothing
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	if errors.Is(err, errHelp) {
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	var s *session
	if err == nil {
		s, err = newSession(opts, getenv, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "load: %v\nload --help lists the options\n", err)
		return exitUsage
	}
	r, err := s.run(ctx)
	if len(r.Lanes) > 0 {
		err = errors.Join(err, r.print(stdout, opts.JSON))
	}
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return exitFailed
	}
	return r.exitCode()
}
