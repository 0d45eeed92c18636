package main

import (
	"context"
	"errors"
	"os"
	"time"
)

// empty starts workflows that do nothing and waits for their ends.
func (s *stand) empty(ctx context.Context, round int) (sl slice, err error) {
	p, err := s.openPlain(ctx, empty)
	if err != nil {
		return sl, err
	}
	defer p.close()
	sl.First, err = s.plainStretch(ctx, &p.ended, func(ctx context.Context) error {
		return p.start(ctx, round, s.opts.Plain, emptyWorkflow)
	})
	if err != nil {
		return sl, err
	}
	sl.Cost, err = s.cost(ctx, s.opts.Plain, func(i int) string { return p.id(round, i) })
	return sl, err
}

// steps starts workflows with a regular activity for each step.
func (s *stand) steps(ctx context.Context, round int) (sl slice, err error) {
	p, err := s.openPlain(ctx, steps)
	if err != nil {
		return sl, err
	}
	defer p.close()
	sl.First, err = s.plainStretch(ctx, &p.waiting, func(ctx context.Context) error {
		return p.start(ctx, round, s.opts.Plain, stepsWorkflow)
	})
	if err != nil {
		return sl, err
	}
	time.Sleep(settle)
	sl.Second, err = s.plainStretch(ctx, &p.ended, func(ctx context.Context) error {
		return p.signal(ctx, round, s.opts.Plain)
	})
	if err != nil {
		return sl, err
	}
	sl.Cost, err = s.cost(ctx, s.opts.Plain, func(i int) string { return p.id(round, i) })
	return sl, err
}

// plainStretch measures from the first request to the last workflow that
// counter tells of.
func (s *stand) plainStretch(ctx context.Context, counter interface{ Load() int64 }, request func(context.Context) error) (stretch, error) {
	n := s.opts.Plain
	read := func() clock { return s.read(os.Getpid(), 0) }
	begun := read()
	requested := make(chan error, 1)
	go func() { requested <- request(ctx) }()
	_, err := watch(ctx, n, read, func() (int, error) { return n - int(counter.Load()), nil })
	st := begun.stretch(read(), n)
	return st, errors.Join(err, <-requested)
}
