package main

import (
	"context"
	"fmt"
	"time"

	"order-service/devstack/measure"
)

// settle is the pause before a turn, for what the last one left to be done.
const settle = time.Second

// contender has its turns.
type contender struct {
	name string
	turn func(ctx context.Context, round int) (slice, error)
}

func (s *stand) contenders() (list []contender) {
	for _, name := range s.opts.Only {
		switch name {
		case empty:
			list = append(list, contender{empty, s.empty})
		case steps:
			list = append(list, contender{steps, s.steps})
		default:
			for _, backlog := range s.opts.Backlogs {
				list = append(list, contender{named(name, backlog), func(ctx context.Context, _ int) (slice, error) {
					return s.shops[name].turn(ctx, backlog)
				}})
			}
		}
	}
	return list
}

func named(name string, backlog int) string { return fmt.Sprintf("%s %d", name, backlog) }

// rounds gives every contender its turns.
func (s *stand) rounds(ctx context.Context) (all []slice, err error) {
	list := s.contenders()
	for round := range s.opts.Rounds {
		for _, i := range measure.Turns(len(list), round) {
			time.Sleep(settle)
			sl, err := list[i].turn(ctx, round)
			if err != nil {
				return all, fmt.Errorf("%s: %w", list[i].name, err)
			}
			sl.Contender, sl.Round = list[i].name, round
			all = append(all, sl)
			s.say("%d/%d  %-13s %s", round+1, s.opts.Rounds, sl.Contender, sl)
		}
	}
	return all, nil
}

// progressEvery is how often a stretch is looked at, at most a twentieth of the
// time goes into it.
const progressEvery = 20 * time.Millisecond

// maxStall is how long nothing may move before a stretch is given up.
const maxStall = 2 * time.Minute

// watch measures a stretch of n: remaining counts those that have not gone it.
func watch(ctx context.Context, n int, read func() clock, remaining func() (int, error)) (stretch, error) {
	var first clock
	before, moved, left := 0, time.Now(), n
	for {
		looked := time.Now()
		now, err := remaining()
		switch {
		case err != nil:
			return stretch{}, err
		case now < n && before == 0:
			first, before = read(), n-now
		}
		if now == 0 {
			return first.stretch(read(), n-before), nil
		}
		if now != left {
			left, moved = now, time.Now()
		}
		if time.Since(moved) > maxStall {
			return stretch{}, fmt.Errorf("%d of %d have not moved for %s", left, n, maxStall)
		}
		select {
		case <-ctx.Done():
			return stretch{}, ctx.Err()
		case <-time.After(max(progressEvery, 20*time.Since(looked))):
		}
	}
}
