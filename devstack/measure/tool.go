package measure

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Exit codes.
const (
	ExitOK     = 0
	ExitFailed = 1 // something broke, such as an order that was lost
	ExitUsage  = 2
)

// Tool is a benchmark as a program.
type Tool[Options any] struct {
	Name  string
	Usage string
	Parse func(args []string) (Options, error)                                    // flag.ErrHelp: help was asked for
	Work  func(ctx context.Context, opts Options, stdout, stderr io.Writer) error // prints what it found, also where something broke
}

// Main is the whole program. A signal ends ctx, a second one the process.
func (t Tool[Options]) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(t.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Run returns the exit code.
func (t Tool[Options]) Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := t.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, t.Usage)
		return ExitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", t.Name, err)
		return ExitUsage
	}
	if err := t.Work(ctx, opts, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", t.Name, err)
		return ExitFailed
	}
	return ExitOK
}

// ParseFlags parses what may only be flags.
func ParseFlags(set *flag.FlagSet, args []string) error {
	set.SetOutput(io.Discard)
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	return nil
}

// Beside is the folder of this binary.
func Beside() string {
	file, err := os.Executable()
	if err != nil {
		return "bin"
	}
	return filepath.Dir(file)
}

// WriteJSON puts what was found into a file, where one is named.
func WriteJSON(file string, found any) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
