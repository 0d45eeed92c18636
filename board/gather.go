package board

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

// patience bounds what one point waits for backends. It is less than the time
// between two, so that one that hangs does not slow the board down.
const patience = 900 * time.Millisecond

// gatherer makes the board's points. One goroutine at a time uses it.
type gatherer struct {
	source  Source
	line    Line // may be nil
	checks  []Check
	process string
	log     zerolog.Logger
	rates   rates
	lags    []int64 // the last ones, oldest first
	last    time.Time
}

// figures are what one point is made of, and its health judged by.
type figures struct {
	overview *order.Overview // nil: could not be read from Postgres
	lag      *int64          // nil: could not be read from Kafka
	behind   int64           // how much the lag has grown lately
	intake   intake
	away     []Check // those that failed
}

// processName tells replicas apart.
func processName(version string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	return version + " on " + host
}

func (g *gatherer) point(ctx context.Context) point {
	if time.Since(g.last) > window {
		g.lags = nil // nobody has watched meanwhile
	}
	g.last = time.Now()
	f := g.figures(ctx)
	now := sample{g.source.Process(), time.Now()}
	f.intake = g.rates.intake(now)
	p := point{
		At: order.Time{Time: now.at}, Process: g.process, Streams: now.Streams,
		Intake: f.intake, Consumer: g.consumer(f.lag), Health: judge(f),
	}
	if f.overview != nil {
		p.show(*f.overview)
	}
	return p
}

// figures asks all backends at once. One in which something panics counts as not
// read: what goes wrong here must not end a process that takes orders.
func (g *gatherer) figures(ctx context.Context) (f figures) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var asked sync.WaitGroup
	asked.Go(func() {
		defer logPanic(g.log, "reading")
		v, err := g.source.Overview(ctx)
		if err != nil {
			g.log.Warn().Err(err).Msg("the board cannot read the orders")
			return
		}
		f.overview = &v
	})
	asked.Go(func() {
		defer logPanic(g.log, "reading")
		lag, err := g.source.Lag(ctx)
		if err != nil {
			g.log.Warn().Err(err).Msg("the board cannot read the consumer's lag")
			return
		}
		f.lag = &lag
	})
	asked.Go(func() { f.away = g.failing(ctx) })
	asked.Wait()
	f.behind = g.growth(f.lag)
	return f
}

// failing is which checks fail.
func (g *gatherer) failing(ctx context.Context) (away []Check) {
	well := make([]bool, len(g.checks))
	var asked sync.WaitGroup
	for i, check := range g.checks {
		asked.Go(func() {
			defer logPanic(g.log, "check")
			well[i] = check.Ping(ctx) == nil
		})
	}
	asked.Wait()
	for i, check := range g.checks {
		if !well[i] {
			away = append(away, check)
		}
	}
	return away
}

// growth is how much the lag has grown over the last few points.
func (g *gatherer) growth(lag *int64) int64 {
	if lag == nil {
		return 0
	}
	const points = 10
	g.lags = append(g.lags, *lag)
	g.lags = g.lags[max(0, len(g.lags)-points):]
	return *lag - g.lags[0]
}

// consumer is how far the consumer group is behind.
func (g *gatherer) consumer(lag *int64) consumer {
	shown := consumer{Lag: lag}
	if g.line == nil {
		return shown
	}
	if place, known := g.line.Length(); known {
		shown.WaitMS = place.Wait.Milliseconds()
	}
	return shown
}
