package main

import (
	"fmt"
	"time"

	"order-service/devstack/measure"
)

// slice is what a contender did in one turn.
type slice struct {
	Contender string  `json:"contender"` // with the backlog
	Round     int     `json:"round"`
	First     stretch `json:"first"`  // until the payment can be made; of empty workflows, until the end
	Second    stretch `json:"second"` // from the payment to the end
	Cost      cost    `json:"cost"`   // of a workflow
	Posts     *posts  `json:"posts,omitempty"`
}

// stretch is a part of the way, from the first that has gone it to the last.
type stretch struct {
	Done    int     `json:"done"`
	Seconds float64 `json:"seconds"`
	CPU     used    `json:"cpu"` // µs
}

// rate is how many went the stretch in a second.
func (s stretch) rate() float64 { return float64(s.Done) / s.Seconds }

// used is CPU time by process.
type used struct {
	Server   float64 `json:"server"` // devstack: Temporal, and kfake
	Worker   float64 `json:"worker"`
	API      float64 `json:"api"`
	Postgres float64 `json:"postgres"` // order-service's, and Temporal's on it
}

// posts are the p99 of POST /orders, in ms.
type posts struct{ Idle, Draining float64 }

// clock reads the time and the processes' time.
type clock struct {
	at   time.Time
	used used
}

// read sees the worker that is measured and an api, 0 where there is none.
func (s *stand) read(worker, api int) clock {
	all := measure.Processes()
	c := clock{at: time.Now(), used: used{Server: all[s.server].Own, Worker: all[worker].Own, API: all[api].Own}}
	if s.postgres > 0 {
		c.used.Postgres = measure.Tree(all, s.postgres)
	}
	return c
}

// stretch is what lies between two looks at the clock.
func (c clock) stretch(to clock, done int) stretch {
	return stretch{Done: done, Seconds: to.at.Sub(c.at).Seconds(), CPU: used{
		Server: to.used.Server - c.used.Server, Worker: to.used.Worker - c.used.Worker,
		API: to.used.API - c.used.API, Postgres: to.used.Postgres - c.used.Postgres,
	}}
}

// String is a line for those who wait.
func (s slice) String() string {
	text := fmt.Sprintf("%.0f/s", s.First.rate())
	if s.Second.Done > 0 {
		text += fmt.Sprintf(", then %.0f/s", s.Second.rate())
	}
	return fmt.Sprintf("%s; %.1f events, %.1f workflow tasks, %.1f transitions", text, s.Cost.Events, s.Cost.Tasks, s.Cost.Transitions)
}
