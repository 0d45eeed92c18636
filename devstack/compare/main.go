// Command compare measures order-service beside others on the same machine,
// backends and load, in turns so short that what the machine does meanwhile
// befalls all of them:
//
//	devstack --data DIR -- compare
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"order-service/devstack/measure"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // something broke: an order was lost, an answer was not expected
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	if errors.Is(err, errHelp) {
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return exitUsage
	}
	work := compare
	if opts.Curves {
		work = drawCurves
	}
	if err := work(ctx, opts, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return exitFailed
	}
	return exitOK
}

// compare measures and prints what it found, also where something broke.
func compare(ctx context.Context, opts options, stdout, stderr io.Writer) (err error) {
	f, err := startFleet(ctx, opts, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	found := findings{Machine: measure.ThisMachine(), Settings: f.settings(ctx), Options: opts}
	found.Slices, err = f.rounds(ctx)
	if len(found.Slices) == 0 {
		return err
	}
	if err == nil {
		err = f.audit(ctx)
	}
	found.print(stdout)
	return errors.Join(err, found.write(opts.JSON))
}
