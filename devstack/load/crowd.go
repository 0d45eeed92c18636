package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"order-service/devstack/load/engine"
	"order-service/order"
	"order-service/retry"
)

// crowd is the buyers of a stampede, and how they left. Those who are refused
// for the moment only, or hear nothing, come back, as the shop's page does.
type crowd struct {
	Waves   []wave `json:"waves"`
	Buyers  int    `json:"buyers"`
	Bought  int    `json:"bought"`
	SoldOut int    `json:"soldOut"` // were told so
	Refused int    `json:"refused"` // for good, for another reason
	GaveUp  int    `json:"gaveUp"`  // after the last wave
}

// wave is those who press within the same second or so.
type wave struct {
	Pressed int `json:"pressed"`
	Bought  int `json:"bought"`
	SoldOut int `json:"soldOut"`
	Refused int `json:"refused"`
	Back    int `json:"back"` // will be
}

const (
	patience = 2 * time.Minute // for the last answer of a wave
	comeBack = time.Second     // between waves; the least that Retry-After asks for
)

// fate is that of a buyer's latest request.
type fate uint8

// The fates.
const (
	comesBack fate = iota // nothing was heard, or "not now"
	bought
	soldOut
	refused
)

// playStampede sends the crowd in, and those who come back in further waves.
func (s *session) playStampede(ctx context.Context) (lanes []*lane, err error) {
	s.crowd = &crowd{Buyers: s.opts.Buyers}
	waiting := make([]uint32, s.opts.Buyers)
	for i := range waiting {
		waiting[i] = uint32(i)
	}
	for len(waiting) > 0 && len(lanes) < s.opts.Waves {
		if len(lanes) > 0 && !retry.Sleep(ctx, comeBack) {
			break
		}
		fates := make([]fate, len(waiting)) // each is written by one answer only
		l := s.waveLane(len(lanes)+1, waiting, fates)
		if _, err := s.side(ctx, l); err != nil {
			return lanes, err
		}
		lanes = append(lanes, l)
		waiting = s.crowd.leave(waiting, fates)
	}
	s.crowd.GaveUp = len(waiting)
	return lanes, nil
}

// waveLane has each who waits send an order, and writes down what came of it.
func (s *session) waveLane(number int, waiting []uint32, fates []fate) *lane {
	cfg := s.buyingBy(func(n uint64) uint32 { return waiting[n] }, true)
	take := cfg.Read
	cfg.Read = func(n uint64, a engine.Answer) {
		take(n, a)
		fates[n] = fateOf(a)
	}
	cfg.Requests, cfg.Patience = uint64(len(waiting)), patience
	cfg.Duration = 10*s.opts.Within + patience // the number of buyers is the bound
	return s.newLane(fmt.Sprint("wave ", number), float64(len(waiting))/s.opts.Within.Seconds(), cfg)
}

func fateOf(a engine.Answer) fate {
	switch a.Status {
	case http.StatusAccepted:
		return bought
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return comesBack
	}
	if string(a.Problem()) == string(order.CodeSoldOut) {
		return soldOut
	}
	return refused
}

// leave counts how a wave ended, and returns those who will be back.
func (c *crowd) leave(waiting []uint32, fates []fate) (back []uint32) {
	w := wave{Pressed: len(waiting)}
	for i, f := range fates {
		switch f {
		case bought:
			w.Bought++
		case soldOut:
			w.SoldOut++
		case refused:
			w.Refused++
		default:
			back = append(back, waiting[i])
		}
	}
	w.Back = len(back)
	c.Waves = append(c.Waves, w)
	c.Bought, c.SoldOut, c.Refused = c.Bought+w.Bought, c.SoldOut+w.SoldOut, c.Refused+w.Refused
	return back
}
