// Command compare measures order-service beside others on the same machine,
// backends and load, in turns so short that what the machine does meanwhile
// befalls all of them:
//
//	devstack --data DIR -- compare
package main

import (
	"context"
	"errors"
	"io"

	"order-service/devstack/measure"
)

func main() { tool().Main() }

func tool() measure.Tool[options] {
	return measure.Tool[options]{Name: "compare", Usage: usage, Parse: parse, Work: work}
}

func work(ctx context.Context, opts options, stdout, stderr io.Writer) error {
	if opts.Curves {
		return drawCurves(ctx, opts, stdout, stderr)
	}
	return compare(ctx, opts, stdout, stderr)
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
	return errors.Join(err, measure.WriteJSON(opts.JSON, found))
}
