package main

import (
	"context"
	"time"
)

// play runs the scenario and returns its lanes, each at its end.
func (s *session) play(ctx context.Context) ([]*lane, error) {
	switch s.opts.Scenario {
	case stampede:
		return s.playStampede(ctx)
	case poll:
		return s.playPoll(ctx)
	case mixed:
		return s.playMixed(ctx)
	case buyer:
		return s.playBuyer(ctx)
	}
	if s.opts.Overload {
		return s.playOverload(ctx)
	}
	return s.beforeAudience(ctx, func() ([]*lane, error) {
		return s.side(ctx, s.newLane("orders", s.opts.Rate, s.buying()))
	})
}

// beforeAudience plays once everybody who is to watch an order has it and their
// stream.
func (s *session) beforeAudience(ctx context.Context, play func() ([]*lane, error)) ([]*lane, error) {
	if s.opts.Streams == 0 {
		return play()
	}
	if err := s.place(ctx, s.opts.Streams); err != nil {
		return nil, err
	}
	watching, leave := context.WithCancel(ctx)
	n := min(s.opts.Streams, s.receipts.len())
	a := s.seat(watching, n)
	defer func() { leave(); s.audience = a.leave(n) }()
	return play()
}

func (s *session) playPoll(ctx context.Context) ([]*lane, error) {
	if err := s.place(ctx, placed); err != nil {
		return nil, err
	}
	return s.side(ctx, s.newLane("looks at orders", s.opts.Rate, s.looking()))
}

// playMixed has somebody look at the list twice and at an order four times for
// each order, before an audience.
func (s *session) playMixed(ctx context.Context) ([]*lane, error) {
	if err := s.place(ctx, placed); err != nil {
		return nil, err
	}
	return s.beforeAudience(ctx, func() ([]*lane, error) {
		part := s.opts.Rate / 7
		return s.side(ctx,
			s.newLane("orders", part, s.buying()),
			s.newLane("looks at orders", 4*part, s.looking()),
			s.newLane("looks at the list", 2*part, s.browsing()))
	})
}

const (
	capacityLoop = 128              // connections of the closed loop that finds the capacity
	warmUp       = 2 * time.Second  // before that
	longestProbe = 10 * time.Second // of it
)

// playOverload finds the most that is accepted, and offers a multiple of it.
func (s *session) playOverload(ctx context.Context) ([]*lane, error) {
	if _, err := s.probe(ctx, "warm-up", warmUp); err != nil {
		return nil, err
	}
	capacity, err := s.probe(ctx, "capacity", min(longestProbe, s.opts.Duration))
	if err != nil || ctx.Err() != nil {
		return capacity, err
	}
	most := capacity[0].report().Accepted
	s.console.say("%.0f orders a second are accepted at most; now %g times that", most, s.opts.Factor)
	orders, err := s.side(ctx, s.newLane("orders", max(most*s.opts.Factor, 1), s.buying()))
	return append(capacity, orders...), err
}

// probe sends orders in a closed loop.
func (s *session) probe(ctx context.Context, name string, d time.Duration) ([]*lane, error) {
	cfg := s.buying()
	cfg.Duration = d
	return s.side(ctx, s.closedLane(name, capacityLoop, cfg))
}
