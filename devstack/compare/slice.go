package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"order-service/devstack/load/engine"
	"order-service/devstack/measure"
	"order-service/order"
)

// load is what a contender is given for a while.
type load struct {
	connections int
	length      time.Duration
	rate        float64 // orders a second of an open loop; 0 is a closed one
	products    int     // that the orders are for in turns
}

// closed is the load that is compared by: a closed loop.
func (f *fleet) closed() load {
	return load{connections: f.opts.Connections, length: f.opts.Slice, products: 1}
}

// open is the load of those who do not wait for each other: an open loop of rate
// orders a second, with room for many at once.
func (f *fleet) open(rate float64) load {
	l := f.closed()
	l.connections, l.rate = 4*l.connections, rate
	return l
}

// slice is what one contender did with a load.
type slice struct {
	Contender string            `json:"contender"`
	Round     int               `json:"round"`
	Done      uint64            `json:"done"`    // answers that count
	Other     map[string]uint64 `json:"other"`   // by status and code
	Unsent    uint64            `json:"unsent"`  // due in an open loop, and never sent
	Lag       float64           `json:"lag"`     // p99 in ms that an open loop was late itself
	Seconds   float64           `json:"seconds"` // until the last answer
	Drained   float64           `json:"drained"` // until the outbox was empty, in seconds
	P50       float64           `json:"p50"`     // of the answers that count, in ms
	P99       float64           `json:"p99"`
	Max       float64           `json:"max"`
	Meters    reading           `json:"meters"`
}

// rate is answers that count, a second, until all their work was done.
func (s slice) rate() float64 { return float64(s.Done) / s.Drained }

// settle is the pause before a slice, for what the last one left to be done.
const settle = 150 * time.Millisecond

// rounds gives every contender its slices.
func (f *fleet) rounds(ctx context.Context) (all []slice, err error) {
	list := f.contenders()
	if err := f.warmUp(ctx, list); err != nil {
		return nil, err
	}
	begun := time.Now()
	for round := range f.opts.Slices {
		if f.opts.Duration > 0 && time.Since(begun) > f.opts.Duration {
			break
		}
		line := fmt.Sprintf("%2d/%d", round+1, f.opts.Slices)
		for _, i := range measure.Turns(len(list), round) {
			s, err := f.slice(ctx, list[i], f.closed())
			if err != nil {
				return all, err
			}
			s.Round = round
			all = append(all, s)
			line += fmt.Sprintf("  %s %.0f/s p99 %.1f ms", s.Contender, s.rate(), s.P99)
		}
		f.say("%s", line)
	}
	return all, nil
}

func (f *fleet) warmUp(ctx context.Context, list []contender) error {
	if f.opts.Warmup <= 0 {
		return nil
	}
	given := f.closed()
	given.length = f.opts.Warmup
	for _, c := range list {
		if _, err := f.slice(ctx, c, given); err != nil {
			return err
		}
	}
	return nil
}

// slice gives c a load.
func (f *fleet) slice(ctx context.Context, c contender, l load) (s slice, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", c.name, err)
		}
	}()
	products := []string{f.product(0)}
	if c.stock >= 0 {
		if products, err = f.sellAnew(ctx, l.products, c.stock); err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, f.backends.unsell(context.WithoutCancel(ctx), products)) }()
	}
	time.Sleep(settle)
	return f.measure(ctx, c, l, products)
}

// measure reads the meters before and after a load.
func (f *fleet) measure(ctx context.Context, c contender, l load, products []string) (slice, error) {
	before, err := f.counters(ctx, c, products)
	if err != nil {
		return slice{}, err
	}
	used := f.cpu(c)
	s, err := f.send(ctx, c, l, products)
	if err != nil {
		return s, err
	}
	used = f.cpu(c).since(used)
	after, err := f.counters(ctx, c, products)
	s.Meters = after.since(before).plus(used)
	if c.events {
		f.taken[c.child.Name] += s.Done
	}
	f.check(c, s)
	return s, err
}

// check finds out whether something was promised and not kept, or answered
// that should not be. The comparison goes on all the same.
func (f *fleet) check(c contender, s slice) {
	if c.table != "" {
		written, unknown := uint64(s.Meters[rows]), s.Other[unanswered]+s.Other[unavailable]+s.Other[uncertain]
		if written < s.Done || written > s.Done+unknown {
			f.broken("%s: %d orders were accepted, %d are not known to be, and %d have rows", c.name, s.Done, unknown, written)
		}
	}
	for outcome, n := range s.Other {
		if outcome != overloaded && outcome != unavailable && outcome != uncertain {
			f.broken("%s: %d answers were %s", c.name, n, outcome)
		}
	}
	if s.Done == 0 {
		f.broken("%s: no answer counts, of %v", c.name, s.Other)
	}
}

func (f *fleet) broken(format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf(format, args...))
}

// send is the part of a slice that is measured.
func (f *fleet) send(ctx context.Context, c contender, l load, products []string) (slice, error) {
	cfg := engine.Config{Address: c.child.Addr, Connections: l.connections, Duration: l.length, Write: c.write(products)}
	if l.rate > 0 {
		cfg.Arrivals = engine.Poisson(l.rate, uint64(l.rate))
	}
	run := engine.New(cfg)
	result, err := run.Do(ctx)
	answered := time.Now()
	if err == nil && c.outbox {
		err = f.backends.drained(ctx)
	}
	s := slice{Contender: c.name, Unsent: result.Unsent, Lag: ms(run.Lag.Quantile(.99)), Seconds: result.Elapsed.Seconds()}
	s.Drained = (result.Elapsed + time.Since(answered)).Seconds()
	s.count(&run.Tally, c)
	return s, errors.Join(err, ctx.Err())
}

// unanswered is the outcome of a request whose connection broke.
const unanswered = "unanswered"

// Refusals of more load than can be borne. Of an order that was unavailable at
// another contender, or uncertain, nobody knows whether it was written.
const (
	overloaded  = "503 " + string(order.CodeOverloaded)
	unavailable = "503 " + string(order.CodeUnavailable)
	uncertain   = "503 " + string(order.CodeOutcomeUnknown)
)

func (s *slice) count(t *engine.Tally, c contender) {
	s.Done, s.Other = t.Count(c.done), map[string]uint64{}
	for _, o := range t.Outcomes() {
		if !c.done(o) {
			s.Other[describe(o)] += t.Count(func(x engine.Outcome) bool { return x == o })
		}
	}
	took := &t.Of(c.done).FromDue
	s.P50, s.P99, s.Max = ms(took.Quantile(.5)), ms(took.Quantile(.99)), ms(took.Max())
}

func describe(o engine.Outcome) string {
	if engine.Broken(o) {
		return unanswered
	}
	return fmt.Sprint(o.Status, " ", o.Code)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
