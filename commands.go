package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"order-service/cache"
	"order-service/config"
	"order-service/repair"
	"order-service/saga"
	"order-service/store"
	"order-service/verify"
)

// The commands do one thing and end.

// commandPatience is how long a command waits for Redis: it may run on the
// machine that a sale keeps busy, and no buyer waits for it.
const commandPatience = 5 * time.Second

// migrate brings the schema up to date and returns.
func migrate(ctx context.Context, cfg config.Config, log zerolog.Logger) error {
	db, err := openStore(ctx, cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Migrate(ctx)
}

// replayDeadLetters puts dead letters back and says how many.
func replayDeadLetters(ctx context.Context, cfg config.Config, log zerolog.Logger, out io.Writer) error {
	kafka, err := openBus(cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer kafka.Close()
	n, err := kafka.ReplayDeadLetters(ctx)
	fmt.Fprintf(out, "%d dead letters put back into %s\n", n, cfg.TopicReservation)
	return err
}

// running is the system that a command looks at.
type running struct {
	store *store.Store
	gate  *cache.Gate
	saga  *saga.Client
}

// inspect runs look on the running system.
func inspect(ctx context.Context, cfg config.Config, log zerolog.Logger, look func(running) error) error {
	db, err := openStore(ctx, cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer db.Close()
	gate, err := openGate(cfg, log, instruments{}, commandPatience)
	if err != nil {
		return err
	}
	defer gate.Close()
	workflows, err := openSaga(cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer workflows.Close()
	return look(running{db, gate, workflows})
}

// verifySystem checks the invariants of the running system and prints the
// report. It reads only.
func verifySystem(ctx context.Context, cfg config.Config, log zerolog.Logger, out io.Writer, asJSON bool) (report verify.Report, err error) {
	err = inspect(ctx, cfg, log, func(r running) (err error) {
		report, err = verify.Run(ctx, verify.Deps{Store: r.store, Gate: r.gate, Workflows: r.saga},
			verify.Options{PaymentTimeout: cfg.PaymentTimeout})
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(out, report)
		}
		_, err = fmt.Fprint(out, report)
		return err
	})
	return report, err
}

// repairSystem drives on what was left behind in the running system and says
// what it did.
func repairSystem(ctx context.Context, cfg config.Config, log zerolog.Logger, out io.Writer) error {
	return inspect(ctx, cfg, log, func(r running) error {
		say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
		return repair.New(r.store, r.saga, nil, say).Once(ctx, cache.NewSync(r.gate, r.store, log))
	})
}

// healthcheck succeeds when the process that listens on addr says it is alive.
// It is for a container's HEALTHCHECK, so it asks for no more than that: a
// backend that is away must not get the container restarted.
func healthcheck(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/livez", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{}} // no proxy: the process is on this machine
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("livez answered %s", resp.Status)
	}
	return nil
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
