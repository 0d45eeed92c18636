package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"order-service/devstack/load/engine"
)

const (
	placed       = 1000 // orders that are there to be looked at when looking begins
	placedAtOnce = 32   // connections that place them
)

// buying is the buyers' orders in turn.
func (s *session) buying() engine.Config {
	buyers := uint64(len(s.tokens))
	return s.buyingBy(func(n uint64) uint32 { return uint32(n % buyers) }, s.opts.Keys)
}

// buyingBy is orders of one unit each, the n-th by the buyer that who names.
// Keyed ones carry an Idempotency-Key, the same for a buyer's every round.
func (s *session) buyingBy(who func(n uint64) uint32, keyed bool) engine.Config {
	write := engine.Order(s.target.host, `{"productId":"`+s.product.ID+`","quantity":1}`)
	buyers := uint64(len(s.tokens))
	return engine.Config{
		Write: func(n uint64, buf []byte) []byte {
			s.receipts.asked.Add(1)
			key := ""
			if keyed {
				key = strconv.FormatUint(n/buyers+1, 10)
			}
			return write(buf, s.tokens[who(n)], key)
		},
		Read: func(n uint64, a engine.Answer) {
			switch {
			case a.Status == http.StatusAccepted:
				s.receipts.add(a.OrderID(), who(n))
			case a.Status < http.StatusInternalServerError:
				s.receipts.refused.Add(1)
			}
		},
	}
}

// looking is GET /orders/{id} for one of the orders accepted so far, by its
// owner.
func (s *session) looking() engine.Config {
	after := " HTTP/1.1\r\nHost: " + s.target.host + "\r\nAuthorization: Bearer "
	return engine.Config{Write: func(n uint64, buf []byte) []byte {
		r := s.receipts.at(int(scatter(n) % uint64(s.receipts.len())))
		buf = append(buf, "GET /orders/"...)
		buf = append(buf, r.order.String()...)
		buf = append(buf, after...)
		buf = append(buf, s.tokens[r.buyer]...)
		return append(buf, "\r\n\r\n"...)
	}}
}

// browsing is GET /products.
func (s *session) browsing() engine.Config {
	request := "GET /products HTTP/1.1\r\nHost: " + s.target.host + "\r\n\r\n"
	return engine.Config{Write: func(_ uint64, buf []byte) []byte { return append(buf, request...) }}
}

// scatter is a bijection that has no visible order (the finalizer of splitmix64).
func scatter(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// place has n orders accepted that are there to be looked at.
func (s *session) place(ctx context.Context, n int) error {
	cfg := s.buying()
	cfg.Address, cfg.TLS, cfg.Connections = s.target.address, s.target.tls, placedAtOnce
	cfg.Requests, cfg.Duration = uint64(n), time.Minute
	run := engine.New(cfg)
	if _, err := run.Do(ctx); err != nil {
		return err
	}
	if s.receipts.len() == 0 {
		return errors.Join(fmt.Errorf("no order could be placed; answers: %v", run.Tally.Outcomes()), ctx.Err())
	}
	return nil
}
