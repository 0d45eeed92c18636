package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	readyTTL     = 500 * time.Millisecond // however often /readyz is asked, backends are not
	checkTimeout = 2 * time.Second
)

// health is the state of one backend or of the process.
type health string

const (
	healthOK       health = "ok"
	healthDegraded health = "degraded" // works, without something it can do without for a while
	healthDown     health = "down"
	healthLeaving  health = "stopping"
)

// readiness is the body of /readyz.
type readiness struct {
	Status health            `json:"status"`
	Checks map[string]health `json:"checks"`
}

// livez says that the process answers. It asks no backend: restarting this
// process would not bring one back.
func (s *Server) livez(c *fiber.Ctx) error {
	return c.JSON(fiber.Map{"status": healthOK, "version": s.cfg.Version})
}

// readyz answers 200 while everything required is there, else 503; also 503
// once the process is about to stop.
func (s *Server) readyz(c *fiber.Ctx) error {
	r, err := s.ready.Get(s.base)
	if err != nil {
		return err
	}
	if s.draining.Load() {
		r.Status = healthLeaving
	}
	if r.Status == healthDown || r.Status == healthLeaving {
		c.Status(http.StatusServiceUnavailable)
	}
	return c.JSON(r)
}

// checkAll asks all backends at once.
func (s *Server) checkAll(ctx context.Context) (readiness, error) {
	states := make([]health, len(s.deps.Checks))
	var asked sync.WaitGroup
	for i, check := range s.deps.Checks {
		asked.Go(func() { states[i] = s.check(ctx, check) })
	}
	asked.Wait()

	r := readiness{Status: healthOK, Checks: make(map[string]health, len(states))}
	for i, state := range states {
		r.Checks[s.deps.Checks[i].Name] = state
		if state == healthDown || state == healthDegraded && r.Status == healthOK {
			r.Status = state
		}
	}
	return r, nil
}

func (s *Server) check(ctx context.Context, c Check) health {
	err := c.Ping(ctx)
	if err == nil {
		return healthOK
	}
	s.outages.Warn().Err(err).Str("check", c.Name).Msg("not ready")
	if c.Required {
		return healthDown
	}
	return healthDegraded
}
