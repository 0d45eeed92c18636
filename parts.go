package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// parts is what runs, in the order in which it was started. It is stopped in
// reverse, each part completely before the one it depends on.
type parts struct {
	log     zerolog.Logger
	fail    func(error) // ends the process because a part cannot go on
	started []part
}

type part struct {
	name string
	stop func(context.Context) error
}

// add notes how to stop a part that has just been started.
func (p *parts) add(name string, stop func(context.Context) error) {
	p.started = append(p.started, part{name, stop})
}

// close adds a part whose stop takes no context.
func (p *parts) close(name string, stop func()) {
	p.add(name, func(context.Context) error { stop(); return nil })
}

// background runs f until the parts are stopped. A part that ends by itself
// with an error fails all: the process must not live on without it.
func (p *parts) background(name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			p.fail(fmt.Errorf("%s: %w", name, err))
		}
	})
	p.close(name, func() { cancel(); running.Wait() })
}

// stop stops everything, last started first, and returns what went wrong. A
// part that needs longer than ctx allows is abandoned to the end of the process.
func (p *parts) stop(ctx context.Context) error {
	var problems []error
	for len(p.started) > 0 {
		last := p.started[len(p.started)-1]
		p.started = p.started[:len(p.started)-1]
		begun := time.Now()
		if err := last.stopWithin(ctx); err != nil {
			problems = append(problems, fmt.Errorf("stop %s: %w", last.name, err))
		}
		p.log.Debug().Str("part", last.name).Dur("took", time.Since(begun)).Msg("stopped")
	}
	return errors.Join(problems...)
}

func (p part) stopWithin(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leaving returns a stop that ends so long before its context does. A client that
// sends slowly could use up all the time that there is, and the parts behind would
// be abandoned with what they were about to finish.
func leaving(rest time.Duration, stop func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if end, limited := ctx.Deadline(); limited {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end.Add(-rest))
			defer cancel()
		}
		return stop(ctx)
	}
}
