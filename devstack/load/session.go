package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"
)

// session is one use of the tool.
type session struct {
	opts     options
	target   target
	service  service
	access   access
	getenv   func(string) string
	console  *console
	shelf    shelf
	product  product
	names    string   // what the buyers' begin with
	tokens   []string // of the buyers
	receipts receipts
	crowd    *crowd          // of a stampede
	audience *audienceReport // of the mixed scenario
	waiting  *waitReport     // of the buyer's
}

const (
	plenty    = 1_000_000_000_000 // units: the most a product can have
	unitPrice = 1250
)

func newSession(opts options, getenv func(string) string, log io.Writer) (*session, error) {
	t, err := parseTarget(opts.URL, opts.Insecure)
	if err != nil {
		return nil, err
	}
	if explicit := opts.Verify == verifyIntake || opts.Verify == verifyFull; explicit && getenv("DATABASE_URL") == "" {
		return nil, fmt.Errorf("--verify=%s needs DATABASE_URL", opts.Verify)
	}
	s := &session{opts: opts, target: t, service: newService(t), getenv: getenv, console: newConsole(log)}
	s.access = access{signer: signer(getenv), target: t, service: s.service}
	return s, nil
}

// run is the whole session: the sale, then what became of its orders. The end
// of ctx ends the sale early; what was sent is still reported and checked. The
// report has lanes as soon as there is something to report, also with an error.
func (s *session) run(ctx context.Context) (report, error) {
	defer s.service.close()
	r := report{Options: s.opts, Began: time.Now().UTC()}
	lanes, err := s.sell(ctx)
	if err != nil {
		return r, err
	}
	r.Product, r.Interrupted = s.product.ID, ctx.Err() != nil
	r.add(lanes)
	r.Crowd, r.Audience, r.Waiting = s.crowd, s.audience, s.waiting
	if s.opts.Overload && len(lanes) == 2 {
		r.Overload = overloaded(r.Lanes[0], r.Lanes[1])
	}
	r.Verdict, err = s.verify(ctx)
	return r, err
}

// sell puts the product on sale, plays the scenario, and closes the sale.
func (s *session) sell(ctx context.Context) ([]*lane, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.shelf.open(ctx, s.product); err != nil {
		return nil, err
	}
	return s.play(ctx)
}

// prepare makes up a product and buyers that no earlier run had.
func (s *session) prepare(ctx context.Context) error {
	admin, err := s.access.admin(ctx)
	if err != nil {
		return err
	}
	s.names = "load-" + strings.ToLower(rand.Text()[:10])
	s.shelf = shelf{s.service, admin}
	s.product = product{ID: s.names, Name: "Load test " + s.names, UnitPrice: unitPrice, Currency: "EUR", Stock: plenty}
	if s.opts.Scenario == stampede {
		s.product.Stock = s.opts.Units
	}
	if !s.access.minted() {
		s.console.say("no JWT_SECRET: %d buyers log in by /dev/login", s.opts.Buyers)
	}
	s.tokens, err = s.access.buyers(ctx, s.names, s.opts.Buyers)
	return err
}

// close ends the sale, so that no buyer meets what a run has left.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := s.shelf.close(ctx, s.product); err != nil {
		s.console.say("the sale of %s could not be closed: %v", s.product.ID, err)
	}
}

// buyer is the user id of a receipt's buyer.
func (s *session) buyer(r receipt) string { return fmt.Sprint(s.names, "-", r.buyer) }
