package sale

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"order-service/devstack/token"
)

// Config is what is sold, to whom and where.
type Config struct {
	URL      string    // of the service
	Secret   string    // its JWT_SECRET
	Products []Product // on sale from the start; at least one
	Drop     Product   // opens a little later, is sold out soon and restocked now and then
	Buyers   int       // who come for the opening, and the most who are there at once
	Visits   int       // after so many nobody comes any more; 0: they come until the end
	Speed    float64   // how many times faster than people; 0 means 1
	Out      io.Writer // takes a line of progress every few seconds
}

const (
	step        = 100 * time.Millisecond // between two looks at who arrives
	reportEvery = 5 * time.Second
	comeback    = 30        // of a hundred buyers come back after an order
	tokenTTL    = time.Hour // longer than anyone stays
)

// sale is one that is on.
type sale struct {
	cfg      Config
	shelf    *Shelf
	calendar calendar
	client   client // nobody's yet
	begun    time.Time
	tally    tally

	room    chan struct{} // a place for each buyer who is there
	present sync.WaitGroup
}

// Run plays the sale until ctx ends or, with Visits, until the last buyer has
// left, and returns how it went. The error says why it could not begin.
func Run(ctx context.Context, cfg Config) (Totals, error) {
	s := newSale(cfg)
	if err := s.open(ctx); err != nil {
		return Totals{}, err
	}
	s.begun = time.Now()
	reporting, stop := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() { s.report(reporting) })
	s.welcome(ctx)
	s.present.Wait()
	stop()
	reporter.Wait()
	s.client.http.CloseIdleConnections()
	return s.tally.sum(), nil
}

func newSale(cfg Config) *sale {
	cfg.Speed = cmp.Or(cfg.Speed, 1)
	transport := &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: 30 * time.Second}
	c := client{http: &http.Client{Transport: transport}, base: cfg.URL, speed: cfg.Speed}
	return &sale{
		cfg: cfg, shelf: &Shelf{c, cfg.Secret}, client: c,
		calendar: calendar{buyers: float64(cfg.Buyers)}, room: make(chan struct{}, cfg.Buyers),
	}
}

// open stocks the shelf, with the drop for a little later.
func (s *sale) open(ctx context.Context) error {
	for _, p := range s.cfg.Products {
		if err := s.shelf.Fill(ctx, p); err != nil {
			return err
		}
	}
	s.cfg.Drop.StartsAt = time.Now().Add(s.pace(preview)).UTC()
	return s.shelf.Open(ctx, s.cfg.Drop)
}

// pace is how long d takes at the sale's speed.
func (s *sale) pace(d time.Duration) time.Duration { return time.Duration(float64(d) / s.cfg.Speed) }

// now is how far the sale is.
func (s *sale) now() time.Duration { return time.Duration(float64(time.Since(s.begun)) * s.cfg.Speed) }

// welcome lets buyers in as they come, and restocks at each wave.
func (s *sale) welcome(ctx context.Context) {
	came, restocked := 0, 0
	for now := range s.arrivals(ctx) {
		if _, wave := s.calendar.wave(now); wave > restocked {
			restocked = wave
			s.restock(ctx)
		}
		s.letIn(ctx, s.drawVisit(now))
		if came++; came == s.cfg.Visits {
			return
		}
	}
}

// arrivals yields, for each buyer who arrives, how far the sale is then. It
// ends with ctx.
func (s *sale) arrivals(ctx context.Context) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		clock := time.NewTicker(s.pace(step))
		defer clock.Stop()
		last, due := time.Duration(0), 1.0 // the first one comes at once
		for {
			now := s.now()
			for due += s.calendar.rate(now) * (now - last).Seconds(); due >= 1; due-- {
				if !yield(now) {
					return
				}
			}
			last = now
			select {
			case <-ctx.Done():
				return
			case <-clock.C:
			}
		}
	}
}

// letIn waits for room, which bounds what a sale asks of the service.
func (s *sale) letIn(ctx context.Context, v visit) {
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return
	}
	b := buyer{client: s.client, tally: &s.tally}
	b.token = token.Mint(s.cfg.Secret, drawName(), tokenTTL, token.User)
	s.present.Go(func() {
		defer func() { <-s.room }()
		s.stay(ctx, b, v)
	})
}

// stay plays b's visit, and another one each time b comes back.
func (s *sale) stay(ctx context.Context, b buyer, v visit) {
	b.play(ctx, v)
	for rand.IntN(100) < comeback && b.pause(ctx, rand.N(longest)) == nil {
		b.play(ctx, s.drawVisit(s.now()))
	}
}

// restock brings back what has sold out, and a fifth of the drop.
func (s *sale) restock(ctx context.Context) {
	drop := s.cfg.Drop
	drop.Stock = max(drop.Stock/5, 1)
	for _, p := range append(slices.Clone(s.cfg.Products), drop) {
		_ = s.shelf.Fill(ctx, p) // the next wave tries again
	}
}

// report prints a line of progress now and then until ctx ends, and a last one.
func (s *sale) report(ctx context.Context) {
	clock := time.NewTicker(reportEvery)
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
			fmt.Fprintln(s.cfg.Out, s.tally.sum().line(time.Since(s.begun)))
		case <-ctx.Done():
			fmt.Fprintln(s.cfg.Out, s.tally.sum().line(time.Since(s.begun)))
			return
		}
	}
}
