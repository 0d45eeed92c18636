package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"order-service/devstack/load/engine"
)

// turn has backlog orders accepted, driven to their payment, and paid.
func (s *shop) turn(ctx context.Context, backlog int) (sl slice, err error) {
	product, err := s.sell(ctx, backlog)
	if err != nil {
		return sl, err
	}
	if sl.Posts, err = s.idlePosts(ctx); err != nil {
		return sl, err
	}
	if err := s.place(ctx, product, backlog); err != nil {
		return sl, err
	}
	defer func() { err = errors.Join(err, s.stopWorker()) }()
	if s.worker, err = s.start(ctx, "worker"); err != nil {
		return sl, err
	}
	drained, err := s.postWhile(ctx, sl.Posts, func() (err error) {
		sl.First, err = s.drain(ctx, product, backlog)
		return err
	})
	if err = errors.Join(err, drained); err != nil {
		return sl, err
	}
	return sl, s.settleAll(ctx, product, &sl)
}

// drain measures how the orders get to their payments.
func (s *shop) drain(ctx context.Context, product string, backlog int) (stretch, error) {
	return watch(ctx, backlog, s.read, func() (int, error) {
		return s.count(ctx, `SELECT count(*) FROM orders
			WHERE product_id = $1 AND status IN ('PENDING', 'INVENTORY_RESERVED')`, product)
	})
}

// settleAll pays all orders and measures how they are confirmed.
func (s *shop) settleAll(ctx context.Context, product string, sl *slice) error {
	list, err := s.dues(ctx, product)
	if err != nil {
		return err
	}
	if len(list) < sl.First.Done {
		return fmt.Errorf("%d orders wait for a payment, of %d", len(list), sl.First.Done)
	}
	time.Sleep(settle)
	begun := s.read()
	paying := make(chan error, 1)
	go func() { paying <- s.pay(ctx, list) }()
	_, err = watch(ctx, len(list), s.read, func() (int, error) {
		return s.count(ctx, `SELECT count(*) FROM orders WHERE product_id = $1 AND status = 'PAYMENT_PENDING'`, product)
	})
	sl.Second = begun.stretch(s.read(), len(list))
	if err = errors.Join(err, <-paying); err != nil {
		return err
	}
	if err := s.checkConfirmed(ctx, product, len(list)); err != nil {
		return err
	}
	sl.Cost, err = s.stand.cost(ctx, len(list), func(i int) string { return "order-" + list[i].Order })
	return err
}

func (s *shop) checkConfirmed(ctx context.Context, product string, want int) error {
	confirmed, err := s.count(ctx, `SELECT count(*) FROM orders WHERE product_id = $1 AND status = 'CONFIRMED'`, product)
	if err == nil && confirmed != want {
		err = fmt.Errorf("%d of %d orders were confirmed", confirmed, want)
	}
	return err
}

func (s *shop) read() clock { return s.stand.read(s.worker.PID(), s.api.PID()) }

// postsFor is how long POST is measured.
const postsFor = 10 * time.Second

// idlePosts measures POST while nothing waits; nil when nobody asked for it.
func (s *shop) idlePosts(ctx context.Context) (*posts, error) {
	if s.stand.opts.Posts == 0 {
		return nil, nil
	}
	p99, err := s.post(ctx)
	return &posts{Idle: p99}, err
}

// postWhile runs work and measures POST in its first seconds, where asked.
func (s *shop) postWhile(ctx context.Context, p *posts, work func() error) (posted, worked error) {
	if p == nil {
		return nil, work()
	}
	done := make(chan error, 1)
	go func() {
		var err error
		p.Draining, err = s.post(ctx)
		done <- err
	}()
	worked = work()
	return <-done, worked
}

// post sends POST /orders in an open loop, for a product of its own.
func (s *shop) post(ctx context.Context) (p99 float64, err error) {
	rate := s.stand.opts.Posts
	product, err := s.sell(ctx, int(2*rate*postsFor.Seconds())+1)
	if err != nil {
		return 0, err
	}
	run := engine.New(engine.Config{
		Address: s.api.Addr, Connections: 32, Duration: postsFor, Write: s.order(product),
		Arrivals: engine.Poisson(rate, uint64(rate)),
	})
	_, err = run.Do(ctx)
	return float64(run.Tally.Of(engine.Accepted).FromDue.Quantile(.99)) / float64(time.Millisecond), err
}
