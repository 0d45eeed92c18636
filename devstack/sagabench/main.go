// Command sagabench measures how fast accepted orders reach their payment link
// and, once paid, CONFIRMED, beside plain workflows on the same Temporal
// server, in turns so short that what the machine does meanwhile befalls all of
// them:
//
//	devstack --data DIR -- sagabench
//
// While the saga is being tuned, a minute for each answer:
//
//	go build -o /tmp/new/order-service . && bin/devstack --data .bench -- bin/sagabench --backlog 500 --rounds 1 --bin /tmp/new
//	… --bin /tmp/new --against bin                            two builds
//	… --bin /tmp/new --with WORKER_POLLERS=4                  one build, two settings
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
	exitFailed = 1 // something broke: an order did not get where it should
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
		fmt.Fprintln(stderr, "sagabench:", err)
		return exitUsage
	}
	if err := bench(ctx, opts, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "sagabench:", err)
		return exitFailed
	}
	return exitOK
}

// bench measures and prints what it found, also where something broke.
func bench(ctx context.Context, opts options, stdout, stderr io.Writer) (err error) {
	s, err := openStand(ctx, opts, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	found := findings{Machine: measure.ThisMachine(), Temporal: s.describe(ctx), Options: opts}
	found.Slices, err = s.rounds(ctx)
	if len(found.Slices) == 0 {
		return err
	}
	found.print(stdout)
	return errors.Join(err, found.write(opts.JSON))
}
