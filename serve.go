package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"order-service/api"
	"order-service/bus"
	"order-service/cache"
	"order-service/config"
	"order-service/intake"
	"order-service/metrics"
	"order-service/repair"
	"order-service/retry"
	"order-service/saga"
	"order-service/sse"
	"order-service/store"
	"order-service/tracing"
)

const (
	startPatience = 30 * time.Second // how long a start waits for Postgres and Redis
	topicPatience = 3 * time.Second  // how long it waits for Kafka, twice, before it goes on without
	stopTimeout   = 15 * time.Second // from the signal to the end of the process
	afterHTTP     = 4 * time.Second  // what HTTP leaves of it to the parts that are stopped after it
	outboxLease   = 10 * time.Second // how long a committed batch belongs to its own process's relay
)

// service is one running process: its connections and its parts.
type service struct {
	cfg config.Config
	log zerolog.Logger
	parts

	metrics *metrics.Metrics
	tracer  *tracing.Tracer // nil: off
	system  *system
	checks  []api.Check // the lines of /readyz

	store *store.Store
	gate  *cache.Gate
	sync  *cache.Sync
	bus   *bus.Bus
	saga  *saga.Client
}

// serve runs the role until ctx ends, then stops it.
func serve(ctx context.Context, cfg config.Config, traces tracing.Config, log zerolog.Logger) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s := &service{cfg: cfg, log: log, parts: parts{log: log, fail: fail}, metrics: metrics.New(version)}
	err := s.openTracer(ctx, traces)
	if err == nil {
		err = s.start(ctx)
	}
	if err == nil {
		log.Info().Str("role", string(cfg.Role)).Str("addr", cfg.HTTPAddr).Str("version", version).Msg("ready")
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		err = failure(ctx)
	}
	stopping, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), stopTimeout, errors.New("not stopped within 15 s"))
	defer cancel()
	log.Info().Msg("stopping")
	err = errors.Join(err, s.stop(stopping))
	log.Info().Msg("stopped")
	return err
}

// failure is why ctx ended, unless it was a signal.
func failure(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// start brings the parts up, each after those it needs. What it started before
// an error is stopped by its caller.
func (s *service) start(ctx context.Context) error {
	steps := []func(context.Context) error{s.openStore, s.openGate, s.openBus, s.openSaga, s.watch, s.startUpkeep}
	if s.cfg.Role.Worker() {
		steps = append(steps, s.startWorker, s.startConsumer)
	}
	if s.cfg.Role.API() {
		steps = append(steps, s.startAPI)
	} else {
		steps = append(steps, s.startHealth)
	}
	steps = append(steps, s.startAdmin)
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// openTracer comes first, so that the spans of all parts are delivered when they
// have stopped. A collector that is away is no reason not to start.
func (s *service) openTracer(ctx context.Context, cfg tracing.Config) (err error) {
	cfg.TrustParent = s.cfg.TrustTraceparent
	s.tracer, err = tracing.Open(ctx, cfg, version, s.log)
	s.add("tracing", s.tracer.Close)
	return err
}

func (s *service) openStore(ctx context.Context) (err error) {
	err = s.patiently(ctx, "postgres", func(ctx context.Context) error {
		s.store, err = openStore(ctx, s.cfg, s.log, s.instruments())
		return err
	})
	if err != nil {
		return err
	}
	s.close("postgres", s.store.Close)
	return s.store.Migrate(ctx)
}

// openGate connects to Redis. Without it an api can take no order, so it does
// not start; a worker settles late and starts all the same.
func (s *service) openGate(ctx context.Context) (err error) {
	s.gate, err = openGate(s.cfg, s.log, s.instruments(), 0)
	if err != nil {
		return err
	}
	s.add("redis", func(context.Context) error { return s.gate.Close() })
	s.sync = cache.NewSync(s.gate, s.store, s.log)
	if !s.cfg.Role.API() {
		return nil
	}
	return s.patiently(ctx, "redis", s.gate.Ping)
}

// openBus prepares Kafka and its topics. Orders are accepted without it, so
// when it is away the topics are left to be created once it is there.
func (s *service) openBus(ctx context.Context) (err error) {
	s.bus, err = openBus(s.cfg, s.log, s.instruments())
	if err != nil {
		return err
	}
	s.close("kafka", s.bus.Close)
	ctx, cancel := context.WithTimeout(ctx, topicPatience)
	defer cancel()
	if s.bus.EnsureTopics(ctx) == nil {
		return nil
	}
	s.background("topics", func(ctx context.Context) error {
		return s.eventually(ctx, "kafka topics", s.bus.EnsureTopics)
	})
	return nil
}

func (s *service) openSaga(context.Context) (err error) {
	s.saga, err = openSaga(s.cfg, s.log, s.instruments())
	if err != nil {
		return err
	}
	s.close("temporal", s.saga.Close)
	return nil
}

// startUpkeep keeps the gate equal to the ledger and drives on what was left,
// in one process at a time.
func (s *service) startUpkeep(context.Context) error {
	s.background("upkeep", func(ctx context.Context) error {
		return s.store.Lead(ctx, "upkeep", func(ctx context.Context) error { return s.system.lead(ctx, s.keepUp) })
	})
	return nil
}

func (s *service) keepUp(ctx context.Context) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return s.sync.Run(ctx) })
	both.Go(func() error {
		s.driveOn(ctx)
		return nil
	})
	return both.Wait()
}

// driveOn looks after orders and payments that nobody has in hand: a process
// may die between two steps, and nobody need repeat the first.
func (s *service) driveOn(ctx context.Context) {
	started := func(format string, args ...any) { s.log.Warn().Msgf(format, args...) }
	repair.New(s.store, s.saga, s.metrics.Repairs, started).Run(ctx, func(err error) {
		s.log.Warn().Err(err).Msg("not everything that was left is driven on yet")
	})
}

func (s *service) startWorker(context.Context) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	capacity := saga.WorkerConfig{
		Pollers: s.cfg.WorkerPollers, Tasks: s.cfg.WorkerTasks, Calls: s.cfg.PaymentConcurrency, Cached: s.cfg.WorkerCached,
	}
	worker := saga.NewWorker(s.saga, capacity, saga.Deps{
		Orders: s.store, Payments: s.store, Publisher: s.bus, Gate: s.gate, Provider: provider,
		Step: s.metrics.Steps.Ran,
	})
	worker.Start()
	s.close("temporal worker", worker.Stop)
	s.checkPart("saga", worker.Ping)
	return nil
}

func (s *service) provider() (saga.Provider, error) {
	if s.cfg.PaymentSandbox {
		return s.sandbox()
	}
	provider, err := openProvider(s.cfg, s.instruments())
	if err != nil {
		return nil, err
	}
	s.close("payment provider", provider.Close)
	return provider, nil
}

func (s *service) sandbox() (*saga.Sandbox, error) {
	return saga.NewSandbox(s.cfg.PublicURL, s.webhookSecrets(), s.store)
}

func (s *service) startConsumer(context.Context) error {
	consumer := bus.NewConsumer(s.bus, s.saga, bus.ConsumerConfig{})
	s.run("consumer", consumer.Run, consumer.Stop)
	s.checkPart("consumer", consumer.Ping)
	return nil
}

// run starts a part whose stop finishes its work first.
func (s *service) run(name string, run func(context.Context) error, stop func(context.Context) error) {
	s.background(name+" loop", run)
	s.add(name, stop)
}

// startAPI starts what serves buyers. Parts stop in the reverse order: buyers
// are sent elsewhere, then streams and long polls end, then HTTP, then what its
// last requests still need.
func (s *service) startAPI(ctx context.Context) error {
	relay := bus.NewRelay(s.bus, s.store, bus.RelayConfig{Lease: outboxLease})
	s.run("relay", relay.Run, relay.Stop)
	orders := s.store.NewIntake(store.IntakeConfig{Committed: relay.Offer, Lease: outboxLease})
	intake := intake.New(intake.Config{Budget: s.cfg.IntakeBudget, Meter: s.metrics.Intake, Tracer: s.tracer, Log: s.log}, s.gate, orders)
	s.add("intake", intake.Stop)
	line := bus.NewLine(s.bus)
	s.background("line", line.Run)
	hub := sse.NewHub(sse.Config{
		MaxStreams: s.cfg.SSEMaxStreams, MaxPerUser: s.cfg.SSEMaxPerUser, Position: line.Position, Log: s.log,
	})
	s.add("hub", hub.Close)
	s.watchStreams(hub)
	tail := bus.NewTail(s.bus, hub)
	s.background("tail", tail.Run)
	s.checkPart("tail", tail.Ping)
	s.watchTail(tail)
	awaitTail(ctx, tail)
	board := s.newBoard(line)
	deps, err := s.apiDeps(intake, hub, line, board)
	if err != nil {
		return err
	}
	server, err := api.New(s.apiConfig(), deps)
	if err != nil {
		return err
	}
	s.checks = server.Checks()
	if err := s.listen(server); err != nil {
		return err
	}
	s.add("streams", hub.Close) // before HTTP, which would wait for them
	s.close("board", board.Close)
	s.add("drain", server.Drain)
	return nil
}

// awaitTail returns once the tail follows events, so that streams need not be
// reset as soon as they are opened; or without, when Kafka is away for long.
func awaitTail(ctx context.Context, tail *bus.Tail) {
	select {
	case <-tail.Ready():
	case <-ctx.Done():
	case <-time.After(topicPatience):
	}
}

func (s *service) startHealth(context.Context) error {
	return s.listen(api.NewHealth(s.apiConfig(), s.checks))
}

func (s *service) listen(server *api.Server) error {
	if err := server.Listen(s.cfg.HTTPAddr); err != nil {
		return fmt.Errorf("HTTP_ADDR: %w", err)
	}
	s.run("http", func(context.Context) error { return server.Serve() }, leaving(afterHTTP, server.Shutdown))
	return nil
}

// patiently repeats connect until it succeeds, for startPatience.
func (s *service) patiently(ctx context.Context, name string, connect func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := s.eventually(ctx, name, connect); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// eventually repeats f until it succeeds or ctx ends, and returns the last
// error then.
func (s *service) eventually(ctx context.Context, name string, f func(context.Context) error) error {
	return retry.Until(ctx, func() error { return f(ctx) }, func(err error, pause time.Duration) {
		s.log.Warn().Err(err).Dur("again_in", pause).Msgf("%s cannot be reached yet", name)
	})
}
