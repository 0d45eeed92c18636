// Command peer serves POST /orders as others would build it, to be compared
// with order-service on the same machine, backends and load:
//
//	ceiling  token, body, answer; no I/O. What the HTTP stack can carry at all.
//	naive    price from Redis, one INSERT, one event produced and awaited.
//	d2       one event produced and awaited. No row, no gate: what is called
//	         fast elsewhere, and may sell a unit twice.
//
// All have order-service's HTTP stack and server settings, and remember as many
// tokens: by their text, where order-service has a digest, and any other one goes
// where there is no room, where it forgets what nobody showed for long.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"order-service/order"
)

// settings are the flags and the environment.
type settings struct {
	kind, addr              string
	product, topic          string
	price                   int64 // minor units
	postgres, redis, broker string
	secret                  string
	pool                    int // connections to Postgres
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	return s.serve(ctx, listener)
}

// serve answers as s.kind does until ctx ends.
func (s settings) serve(ctx context.Context, listener net.Listener) error {
	sent := new(requests)
	take, closeAll, err := s.open(ctx, sent)
	if err != nil {
		_ = listener.Close() // the first error says more
		return err
	}
	defer closeAll()
	return newServer(s.secret, take, sent).serve(ctx, listener)
}

func parse(args []string) (s settings, err error) {
	set := flag.NewFlagSet("peer", flag.ContinueOnError)
	set.StringVar(&s.kind, "kind", "ceiling", "naive, ceiling or d2")
	set.StringVar(&s.addr, "addr", "127.0.0.1:8090", "where to listen")
	set.StringVar(&s.product, "product", "bench", "product whose price naive puts into Redis")
	set.StringVar(&s.topic, "topic", "", "topic of the events; default: KIND.reservations")
	set.Int64Var(&s.price, "price", 1250, "the product's price in minor units")
	set.IntVar(&s.pool, "pool", 16, "naive's connections to Postgres; from 8 to 128 make no difference on two cores")
	if err := set.Parse(args); err != nil {
		return s, err
	}
	s.topic = cmp.Or(s.topic, s.kind+".reservations")
	s.postgres, s.redis = os.Getenv("DATABASE_URL"), os.Getenv("REDIS_URL")
	s.broker, s.secret = os.Getenv("KAFKA_BOOTSTRAP"), os.Getenv("JWT_SECRET")
	if s.secret == "" {
		return s, errors.New("JWT_SECRET is not set")
	}
	return s, nil
}

// taker does what a kind does for an order before it answers.
type taker func(ctx context.Context, o order.Order) error

// open connects what the kind needs, and returns how to close it.
func (s settings) open(ctx context.Context, sent *requests) (taker, func(), error) {
	switch s.kind {
	case "ceiling":
		return func(context.Context, order.Order) error { return nil }, func() {}, nil
	case "naive":
		return openNaive(ctx, s, sent)
	case "d2":
		p, err := openProducer(ctx, s, sent)
		if err != nil {
			return nil, nil, err
		}
		return d2{p, s.price}.take, p.close, nil
	default:
		return nil, nil, fmt.Errorf("--kind=%s is none of naive, ceiling, d2", s.kind)
	}
}
