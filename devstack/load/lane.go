package main

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"order-service/devstack/load/engine"
)

// lane is one kind of request, with a run of its own.
type lane struct {
	name        string
	rate        float64 // asked for, a second, of an open loop
	closed      bool
	connections int // the most that are open at once
	run         *engine.Run

	result engine.Result // once the run has ended
}

// newLane prepares a lane of the kind of loop that the options say.
func (s *session) newLane(name string, rate float64, cfg engine.Config) *lane {
	if s.opts.Closed > 0 {
		return s.closedLane(name, s.opts.Closed, cfg)
	}
	cfg.Connections = cmp.Or(s.opts.Connections, connectionsFor(rate))
	cfg.Arrivals = engine.Poisson(rate, uint64(time.Now().UnixNano()))
	return &lane{name: name, rate: rate, connections: cfg.Connections, run: s.newRun(cfg)}
}

// connectionsFor lets every answer take a second without a request waiting for
// a connection, up to a thousand of them.
func connectionsFor(rate float64) int { return int(min(max(rate, 20), 1000)) }

func (s *session) closedLane(name string, connections int, cfg engine.Config) *lane {
	cfg.Connections = connections
	return &lane{name: name, closed: true, connections: connections, run: s.newRun(cfg)}
}

func (s *session) newRun(cfg engine.Config) *engine.Run {
	cfg.Address, cfg.TLS = s.target.address, s.target.tls
	cfg.Duration, cfg.Patience = cmp.Or(cfg.Duration, s.opts.Duration), cmp.Or(cfg.Patience, s.opts.Patience)
	return engine.New(cfg)
}

// side runs lanes side by side to their end, or to that of ctx, and shows how
// they are doing. It returns those that ran.
func (s *session) side(ctx context.Context, lanes ...*lane) ([]*lane, error) {
	all, running := errgroup.WithContext(ctx)
	for _, l := range lanes {
		all.Go(func() (err error) {
			l.result, err = l.run.Do(running)
			return err
		})
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); watch(watching, s.console, lanes) }()
	err := all.Wait()
	stop()
	<-watched
	return lanes, err
}
