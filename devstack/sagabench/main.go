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
	"io"

	"order-service/devstack/measure"
)

func main() { tool().Main() }

func tool() measure.Tool[options] {
	return measure.Tool[options]{Name: "sagabench", Usage: usage, Parse: parse, Work: bench}
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
	return errors.Join(err, measure.WriteJSON(opts.JSON, found))
}
