package api

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

// boardPatience bounds what one point waits for backends. It is less than the
// time between two, so that one that hangs does not slow the board down.
const boardPatience = 900 * time.Millisecond

// boardGatherer makes the board's points. One goroutine at a time uses it.
type boardGatherer struct {
	board   Board
	line    Line // may be nil
	checks  []Check
	process string
	log     zerolog.Logger
	rates   boardRates
	lags    []int64 // the last ones, oldest first
	last    time.Time
}

// boardFigures are what one point is made of, and its health judged by.
type boardFigures struct {
	overview *order.Overview // nil: could not be read from Postgres
	lag      *int64          // nil: could not be read from Kafka
	behind   int64           // how much the lag has grown lately
	intake   boardIntake
	away     []Check // those that failed
}

func (g *boardGatherer) point(ctx context.Context) boardPoint {
	if time.Since(g.last) > boardWindow {
		g.lags = nil // nobody has watched meanwhile
	}
	g.last = time.Now()
	f := g.figures(ctx)
	now := boardSample{g.board.Process(), time.Now()}
	f.intake = g.rates.intake(now)
	p := boardPoint{
		At: order.Time{Time: now.at}, Process: g.process, Streams: now.Streams,
		Intake: f.intake, Consumer: g.consumer(f.lag), Health: judge(f),
	}
	if f.overview != nil {
		p.show(*f.overview)
	}
	return p
}

// figures asks all backends at once.
func (g *boardGatherer) figures(ctx context.Context) (f boardFigures) {
	ctx, cancel := context.WithTimeout(ctx, boardPatience)
	defer cancel()
	failed := make([]bool, len(g.checks))
	var asked sync.WaitGroup
	asked.Go(func() {
		v, err := g.board.Overview(ctx)
		if err != nil {
			g.log.Warn().Err(err).Msg("the board cannot read the orders")
			return
		}
		f.overview = &v
	})
	asked.Go(func() {
		lag, err := g.board.Lag(ctx)
		if err != nil {
			g.log.Warn().Err(err).Msg("the board cannot read the consumer's lag")
			return
		}
		f.lag = &lag
	})
	for i, check := range g.checks {
		asked.Go(func() { failed[i] = check.Ping(ctx) != nil })
	}
	asked.Wait()
	for i, check := range g.checks {
		if failed[i] {
			f.away = append(f.away, check)
		}
	}
	f.behind = g.growth(f.lag)
	return f
}

// growth is how much the lag has grown over the last few points.
func (g *boardGatherer) growth(lag *int64) int64 {
	if lag == nil {
		return 0
	}
	const points = 10
	g.lags = append(g.lags, *lag)
	g.lags = g.lags[max(0, len(g.lags)-points):]
	return *lag - g.lags[0]
}
