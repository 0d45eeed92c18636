// Command order-service takes flash-sale orders, answers in milliseconds and
// drives every accepted order to CONFIRMED, FAILED or CANCELLED.
//
// This folder only joins the parts: main.go reads the flags, serve.go starts
// and stops what a role consists of, parts.go keeps the order of both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // the image has no files with the time zones

	"github.com/rs/zerolog"

	"order-service/config"
	"order-service/tracing"
	"order-service/verify"
)

// version is set by the build.
var version = "dev"

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // something failed; of --verify: it found a violation
	exitUsage  = 2 // flags or environment are wrong; nothing was started
	exitUnread = 3 // --verify found no violation in what it could read, and could not read all, or nothing
)

const usage = `order-service takes flash-sale orders and drives each to CONFIRMED, FAILED or CANCELLED.

Usage: order-service [flags]

  --role=api|worker|all  what this process runs (default: ROLE, or all)
  --migrate              bring the database's schema up to date and exit
  --verify [--json]      check the invariants of the running system and exit
  --repair               drive on what --verify finds left behind, say what was done, and exit;
                         safe at any time
  --replay-dlq           put the dead letters of orders.reservations back and exit
  --healthcheck          ask the process on HTTP_ADDR whether it is alive and exit
  --version              print the version and exit
  --help                 print this text and exit

Settings come from the environment. DATABASE_URL is always needed; a wrong or
missing value stops the start with a line that names the variable.

Exit status: 0; 1 when something failed, of --verify: when it found a violation;
2 when flags or environment are wrong, and nothing was started; 3 when --verify
could not read all, or nothing, and found no violation in what it could read.
`

type flags struct {
	role                  string
	migrate, verify, json bool
	repair, replayDLQ     bool
	healthcheck, version  bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	tuneMemory(os.Environ(), os.DirFS("/"))
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program; it returns the exit code.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	f, err := parseFlags(args, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage
	}
	if f.version {
		fmt.Fprintln(stdout, version)
		return exitOK
	}
	cfg, traces, err := settings(environ, f)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	return f.command(ctx, cfg, traces, newLog(cfg, stderr), stdout)
}

// settings reads environ and judges as much of it as the flags need, before
// anything is dialled.
func settings(environ []string, f flags) (config.Config, tracing.Config, error) {
	cfg, err := config.Load(environ, f.role)
	switch {
	case err != nil:
		return cfg, tracing.Config{}, err
	case f.healthcheck: // which dials no backend
		return cfg, tracing.Config{}, cfg.ValidateCommand()
	case !f.serves():
		return cfg, tracing.Config{}, errors.Join(cfg.ValidateCommand(), checkURLs(cfg))
	}
	traces, err := tracing.Load(environ)
	return cfg, traces, errors.Join(cfg.Validate(), checkURLs(cfg), err)
}

func parseFlags(args []string, stdout, stderr io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("order-service", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {}
	set.StringVar(&f.role, "role", "", "")
	set.BoolVar(&f.migrate, "migrate", false, "")
	set.BoolVar(&f.verify, "verify", false, "")
	set.BoolVar(&f.json, "json", false, "")
	set.BoolVar(&f.repair, "repair", false, "")
	set.BoolVar(&f.replayDLQ, "replay-dlq", false, "")
	set.BoolVar(&f.healthcheck, "healthcheck", false, "")
	set.BoolVar(&f.version, "version", false, "")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return f, err
	}
	if err == nil {
		if err = f.check(set.Args()); err != nil {
			fmt.Fprintln(stderr, err)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "order-service --help lists the flags.")
	}
	return f, err
}

// check refuses what would be passed over in silence. A --verify beside a --repair
// would not be run, and the exit status would look as if nothing was violated.
func (f flags) check(arguments []string) error {
	asked := f.commands()
	switch {
	case len(arguments) > 0:
		return fmt.Errorf("unexpected argument %q", arguments[0])
	case len(asked) > 1:
		return fmt.Errorf("one at a time: %s", strings.Join(asked, ", "))
	case f.json && !f.verify:
		return errors.New("--json goes with --verify")
	}
	return nil
}

// commands are the flags that ask for something else than the service itself.
func (f flags) commands() (asked []string) {
	for _, command := range []struct {
		name string
		is   bool
	}{
		{"--migrate", f.migrate}, {"--verify", f.verify}, {"--repair", f.repair}, {"--replay-dlq", f.replayDLQ},
		{"--healthcheck", f.healthcheck}, {"--version", f.version},
	} {
		if command.is {
			asked = append(asked, command.name)
		}
	}
	return asked
}

// serves reports whether the flags ask for the service itself.
func (f flags) serves() bool { return len(f.commands()) == 0 }

// command runs what the flags ask for; without any, the service itself.
func (f flags) command(ctx context.Context, cfg config.Config, traces tracing.Config, log zerolog.Logger, stdout io.Writer) int {
	var err error
	switch {
	case f.healthcheck:
		err = healthcheck(ctx, cfg.HTTPAddr)
	case f.migrate:
		err = migrate(ctx, cfg, log)
	case f.repair:
		err = repairSystem(ctx, cfg, log, stdout)
	case f.replayDLQ:
		err = replayDeadLetters(ctx, cfg, log, stdout)
	case f.verify:
		report, err := verifySystem(ctx, cfg, log, stdout, f.json)
		if err != nil {
			log.Error().Err(err).Msg("order-service --verify ends without a verdict")
		}
		return exitOf(report, err)
	default:
		err = serve(ctx, cfg, traces, log)
	}
	if err != nil {
		log.Error().Err(err).Msg("order-service ends with an error")
		return exitFailed
	}
	return exitOK
}

// exitOf is the exit code of --verify. That it failed is no violation: who runs it
// on a schedule is woken by those.
func exitOf(r verify.Report, err error) int {
	switch {
	case len(r.Findings) > 0:
		return exitFailed
	case err != nil || !r.OK:
		return exitUnread
	}
	return exitOK
}

func newLog(cfg config.Config, out io.Writer) zerolog.Logger {
	level, _ := zerolog.ParseLevel(cfg.LogLevel) // settings has refused what is no level, which would hide errors
	if cfg.LogFormat == "console" {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !terminal(out)}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger().Hook(tracing.LogHook{})
}

// terminal reports whether out is a terminal, where colours help.
func terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
