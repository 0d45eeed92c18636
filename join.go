package main

import (
	"context"
	"net"
	"sync"

	"github.com/google/uuid"

	"order-service/api"
	"order-service/board"
	"order-service/bus"
	"order-service/intake"
	"order-service/metrics"
	"order-service/sse"
	"order-service/verify"
)

func (s *service) webhookSecrets() []string {
	secrets := make([]string, len(s.cfg.WebhookSecrets))
	for i, secret := range s.cfg.WebhookSecrets {
		secrets[i] = string(secret)
	}
	return secrets
}

func (s *service) apiConfig() api.Config {
	return api.Config{
		PublicURL:   s.cfg.PublicURL,
		CORSOrigins: s.cfg.CORSOrigins,
		JWT: api.JWTConfig{
			Secret: string(s.cfg.JWTSecret), JWKSURL: s.cfg.JWTJWKSURL, Discover: s.cfg.DiscoversKeys(),
			Issuer: s.cfg.JWTIssuer, Audience: s.cfg.JWTAudience,
			UserClaim: s.cfg.JWTUserClaim, RolesClaim: s.cfg.JWTRolesClaim, UserRole: s.cfg.JWTUserRole, AdminRole: s.cfg.JWTAdminRole,
		},
		WebhookSecrets: s.webhookSecrets(),
		IdleTimeout:    s.cfg.HTTPIdleTimeout,
		ShutdownDelay:  s.cfg.ShutdownDelay,
		UserRPS:        s.cfg.RateLimitUser,
		GlobalRPS:      s.cfg.RateLimitGlobal,
		MaxPolls:       s.cfg.SSEMaxStreams,
		MaxUserPolls:   s.cfg.SSEMaxPerUser,
		DevLogin:       s.cfg.DevLogin,
		Sandbox:        s.cfg.PaymentSandbox,
		RequireIfMatch: s.cfg.RequireIfMatch,
		Version:        version,
		Log:            s.log,
	}
}

func (s *service) apiDeps(intake *intake.Intake, hub *sse.Hub, line *bus.Line, board *board.Board) (deps api.Deps, err error) {
	deps = api.Deps{
		Gate: s.gate, GateSync: s.sync, Intake: intake,
		Orders: s.store, Products: s.store, Payments: s.store, Saga: s.saga, Hub: streams{hub}, Checks: s.checks,
		Board: board, Line: line, Meter: s.metrics.HTTP, IntakeMeter: s.metrics.Intake,
		Tracer: s.tracer,
	}
	if s.cfg.PaymentSandbox {
		deps.Sandbox, err = s.sandbox()
	}
	return deps, err
}

func (s *service) newBoard(line *bus.Line) *board.Board {
	checks := make([]board.Check, len(s.checks))
	for i, check := range s.checks {
		checks[i] = board.Check(check)
	}
	return board.New(board.Config{Source: s.system, Line: line, Checks: checks, Version: version, Log: s.log})
}

func (s *service) instruments() instruments {
	m := s.metrics
	return instruments{store: m.Orders, gate: m.Batches.Gate, bus: m.Bus, saga: m.SDK, tracer: s.tracer}
}

// watch exports what the connections count by themselves, and what is true of
// the whole system.
func (s *service) watch(context.Context) error {
	s.system = &system{
		overview: newReading(s.store.Overview),
		lag:      newReading(s.bus.Lag),
		gate:     newReading(verify.NewWatch(s.gate, s.store).Look),
	}
	s.metrics.WatchPostgres(func() metrics.PostgresPool { return metrics.PostgresPool(s.store.Pool()) })
	s.metrics.WatchRedis(func() metrics.RedisPool { return metrics.RedisPool(s.gate.Pool()) })
	s.metrics.WatchKafka(s.bus.Buffered)
	s.metrics.WatchSystem(metrics.System{
		Leading: s.system.leading.Load, Overview: s.system.Overview, Lag: s.system.Lag, Gate: s.system.Gate,
	})
	s.checks = s.backendChecks()
	s.metrics.WatchChecks(s.checked)
	return nil
}

// watchTail exports how far the tail is from the end of its topic.
func (s *service) watchTail(tail *bus.Tail) {
	behind := newReading(func(ctx context.Context) (lag metrics.TailLag, err error) {
		lag.Events, lag.Since, err = tail.Behind(ctx)
		return lag, err
	})
	s.metrics.WatchTail(behind.Get)
}

// watchStreams completes what this process counts.
func (s *service) watchStreams(hub *sse.Hub) {
	s.metrics.WatchStreams(func() metrics.Streams { return metrics.Streams(hub.Stats()) })
	s.system.process = func() board.Counts {
		counted := s.metrics.Intake.Sample()
		return board.Counts{
			Bounds: counted.Bounds, Accepted: counted.Accepted, Refused: counted.Refused, Streams: hub.Stats().Streams,
		}
	}
}

// backendChecks are the first lines of /readyz: what a role cannot do without
// is required. The parts add theirs as they start.
func (s *service) backendChecks() []api.Check {
	worker := !s.cfg.Role.API()
	return []api.Check{
		{Name: "postgres", Required: true, Ping: s.store.Ping},
		{Name: "redis", Required: true, Ping: s.gate.Ping},
		{Name: "kafka", Required: worker, Ping: s.bus.Ping},
		{Name: "temporal", Required: worker, Ping: s.saga.Ping},
	}
}

// checkPart adds a line for a part of this process. An api serves buyers
// without it for a while; a worker that is not at work is of no use.
func (s *service) checkPart(name string, ping func(context.Context) error) {
	s.checks = append(s.checks, api.Check{Name: name, Required: !s.cfg.Role.API(), Ping: ping})
}

// checked is the outcome of the checks for a scrape. No part is started any
// more when the first one comes.
func (s *service) checked(ctx context.Context) map[string]bool {
	oks := make([]bool, len(s.checks))
	var asked sync.WaitGroup
	for i, check := range s.checks {
		asked.Go(func() { oks[i] = check.Ping(ctx) == nil })
	}
	asked.Wait()
	byName := make(map[string]bool, len(oks))
	for i, check := range s.checks {
		byName[check.Name] = oks[i]
	}
	return byName
}

// streams shows the hub to api, which names its streams by an interface.
type streams struct{ *sse.Hub }

// stream is a joined stream that serves itself.
type stream struct {
	*sse.Stream
	hub *sse.Hub
}

func (s streams) JoinOrder(id uuid.UUID, userID string) (api.Stream, error) {
	joined, err := s.Hub.JoinOrder(id, userID)
	if err != nil {
		return nil, err
	}
	return stream{joined, s.Hub}, nil
}

func (s streams) JoinUser(userID string) (api.Stream, error) {
	joined, err := s.Hub.JoinUser(userID)
	if err != nil {
		return nil, err
	}
	return stream{joined, s.Hub}, nil
}

func (s stream) Serve(conn net.Conn, o api.Opening) { s.hub.Serve(conn, s.Stream, sse.Opening(o)) }
