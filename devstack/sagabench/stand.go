package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"order-service/devstack/measure"
	"order-service/devstack/ports"
)

// namespace is where the plain workflows run; order-service's default.
const namespace = "default"

// stand is what a run has in its hands: the backends, the shops whose orders
// are measured, and the processes whose time counts.
type stand struct {
	opts     options
	log      io.Writer
	run      string // names what this run writes
	book     *ports.Book
	database *pgx.Conn
	temporal client.Client
	shops    map[string]*shop
	provider *provider // nil: the sandbox
	distance *distance // nil: Temporal is near
	server   int       // process id of the devstack that embeds Temporal; 0: not known
	postgres int       // process id of Postgres; 0: not on this machine
}

func openStand(ctx context.Context, opts options, log io.Writer) (*stand, error) {
	s := &stand{opts: opts, log: log, run: strings.ToLower(rand.Text()[:10]), shops: map[string]*shop{}}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stand) open(ctx context.Context) (err error) {
	if s.book, err = ports.Open(""); err != nil {
		return err
	}
	if s.database, err = pgx.Connect(ctx, os.Getenv("DATABASE_URL")); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	s.temporal, err = client.DialContext(ctx, client.Options{
		HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: namespace, Logger: quiet(),
	})
	if err != nil {
		return fmt.Errorf("TEMPORAL_ADDRESS: %w", err)
	}
	s.findProcesses()
	if s.opts.Provider > 0 {
		if s.provider, err = startProvider(s.opts.Provider); err != nil {
			return err
		}
	}
	if s.opts.Distance > 0 {
		if s.distance, err = openDistance(os.Getenv("TEMPORAL_ADDRESS"), s.opts.Distance); err != nil {
			return err
		}
	}
	return s.openShops(ctx)
}

// findProcesses looks for the servers whose CPU time can be read.
func (s *stand) findProcesses() {
	all := measure.Processes()
	s.server, _ = measure.Ancestor(all, os.Getpid(), "devstack")
	if backend, ok := measure.ReadStat(int(s.database.PgConn().PID())); ok {
		s.postgres = backend.Parent
	}
}

func (s *stand) openShops(ctx context.Context) error {
	for name, dir := range map[string]string{orders: s.opts.Bin, before: s.opts.Against} {
		if !slices.Contains(s.opts.Only, name) {
			continue
		}
		var with []string
		if name == before {
			with = s.opts.With
		}
		shop, err := s.openShop(ctx, name, dir, with)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.shops[name] = shop
	}
	return nil
}

// describe is what the Temporal server says of itself: version and store.
func (s *stand) describe(ctx context.Context) string {
	info, err := s.temporal.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	if err != nil {
		return "unknown"
	}
	return info.GetServerVersion() + " on " + info.GetPersistenceStore()
}

func (s *stand) close() error {
	var problems []error
	for _, shop := range s.shops {
		problems = append(problems, shop.close())
	}
	if s.provider != nil {
		problems = append(problems, s.provider.close())
	}
	if s.distance != nil {
		problems = append(problems, s.distance.close())
	}
	if s.temporal != nil {
		s.temporal.Close()
	}
	if s.database != nil {
		problems = append(problems, s.database.Close(context.Background()))
	}
	return errors.Join(problems...)
}

func (s *stand) say(format string, args ...any) { fmt.Fprintf(s.log, format+"\n", args...) }

// quiet keeps the SDK's talk of starting and stopping out of the report.
func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }
