package main

import (
	"fmt"
	"time"

	"order-service/devstack/load/engine"
)

// maxLag is how late the tool may look at one arrival in a hundred and still
// be believed.
const maxLag = 5 * time.Millisecond

// report is what a session has found out.
type report struct {
	Options     options         `json:"options"`
	Product     string          `json:"product"`
	Began       time.Time       `json:"began"`
	Interrupted bool            `json:"interrupted,omitempty"`
	Lanes       []laneReport    `json:"lanes"`
	Overload    *overload       `json:"overload,omitempty"`
	Crowd       *crowd          `json:"crowd,omitempty"`
	Audience    *audienceReport `json:"audience,omitempty"`
	Waiting     *waitReport     `json:"waiting,omitempty"`
	Verdict     verdict         `json:"verdict"`
	Void        []string        `json:"void,omitempty"` // why the figures mean nothing
}

// laneReport is how one kind of request fared.
type laneReport struct {
	Name     string  `json:"name"`
	Loop     string  `json:"loop"`           // open or closed
	Seconds  float64 `json:"seconds"`        // to the last answer
	Rate     float64 `json:"rate,omitempty"` // asked for, a second
	Offered  float64 `json:"offered"`        // requests that were due, a second
	Accepted float64 `json:"accepted"`       // a second, to the last answer
	Sent     uint64  `json:"sent"`
	Unsent   uint64  `json:"unsent"`

	Connections int    `json:"connections"` // the most that are open at once
	Dialled     uint64 `json:"dialled"`     // with those that were opened anew

	Acceptances spread    `json:"acceptances"`
	Refusals    spread    `json:"refusals"`
	SinceSent   spread    `json:"sinceSent"` // of all answers, less the wait for a free connection
	Outcomes    []outcome `json:"outcomes"`
	Lag         spread    `json:"lag"` // of the tool itself; empty in a closed loop
}

// outcome is a status with a code, and how long it took.
type outcome struct {
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	spread
}

// spread is how long many took, in milliseconds.
type spread struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99.9"`
	Max   float64 `json:"max"`
}

func spreadOf(h *engine.Histogram) spread {
	return spread{
		Count: h.Count(), P50: ms(h.Quantile(.5)), P90: ms(h.Quantile(.9)),
		P99: ms(h.Quantile(.99)), P999: ms(h.Quantile(.999)), Max: ms(h.Max()),
	}
}

func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// add puts the lanes in, and judges the tool by them.
func (r *report) add(lanes []*lane) {
	var lag float64
	var unsent, accepted uint64
	for _, l := range lanes {
		one := l.report()
		r.Lanes = append(r.Lanes, one)
		lag, unsent, accepted = max(lag, one.Lag.P99), unsent+one.Unsent, accepted+one.Acceptances.Count
	}
	if accepted == 0 {
		r.Void = append(r.Void, "nothing was accepted")
	}
	if limit := ms(maxLag); lag > limit {
		r.Void = append(r.Void, fmt.Sprintf("the tool itself was %.1f ms late or more for one request in a hundred; %g ms is the limit", lag, limit))
	}
	if unsent > 0 && !r.Interrupted {
		r.Void = append(r.Void, fmt.Sprintf("%d requests that were due found no free connection until the end", unsent))
	}
}

func (l *lane) report() laneReport {
	tally, result := &l.run.Tally, l.result
	r := laneReport{
		Name: l.name, Loop: "open", Rate: l.rate, Connections: l.connections, Seconds: result.Elapsed.Seconds(),
		Sent: result.Sent, Unsent: result.Unsent, Dialled: result.Dialled,
		Acceptances: spreadOf(&tally.Of(engine.Accepted).FromDue),
		Refusals:    spreadOf(&tally.Of(engine.Refused).FromDue),
		SinceSent:   spreadOf(&tally.Of(engine.Answered).FromSend),
		Lag:         spreadOf(&l.run.Lag),
	}
	if l.closed {
		r.Loop = "closed"
	}
	r.Offered, r.Accepted = perSecond(r.Sent+r.Unsent, result.Offered), perSecond(r.Acceptances.Count, result.Elapsed)
	for _, o := range tally.Outcomes() {
		took := tally.Of(func(x engine.Outcome) bool { return x == o })
		r.Outcomes = append(r.Outcomes, outcome{o.Status, o.Code, spreadOf(&took.FromDue)})
	}
	return r
}

// perSecond is 0 where no time has passed.
func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

func (r report) exitCode() int {
	switch {
	case len(r.Verdict.Failures) > 0:
		return exitFailed
	case len(r.Void) > 0:
		return exitVoid
	}
	return exitOK
}
