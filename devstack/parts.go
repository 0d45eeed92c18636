package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"order-service/devstack/kafka"
	"order-service/devstack/kafka/apache"
	"order-service/devstack/postgres"
	"order-service/devstack/redis"
	"order-service/devstack/temporal"
)

// retention is how long Temporal remembers a closed workflow. It must not be
// shorter than Kafka's: a record that is read again must find its workflow.
const retention = 7 * 24 * time.Hour

// started is a part just started: its address for the command, what it is for
// people, and how to end it.
type started struct {
	address, what string
	stop          func() error
}

// port gives out name's port when it is called.
func (s *stack) port(name string) func() (int, error) {
	return func() (int, error) { return s.book.Port(name) }
}

func (s *stack) startPostgres(ctx context.Context) (started, error) {
	p, err := postgres.Start(ctx, postgres.Config{
		Port: s.port(portPostgres), Dir: filepath.Join(s.dir, "postgres"), Durable: s.durable(), Log: s.log,
	})
	if err != nil {
		return started{}, err
	}
	return started{p.URL, p.Version + " on " + p.Address, p.Stop}, nil
}

func (s *stack) startRedis(ctx context.Context) (started, error) {
	r, err := redis.Start(ctx, redis.Config{
		Port: s.port(portRedis), Dir: filepath.Join(s.dir, "redis"), Log: s.log,
	})
	if err != nil {
		return started{}, err
	}
	return started{r.URL, r.Kind + " on " + r.Address, r.Stop}, nil
}

func (s *stack) startKafka(ctx context.Context) (started, error) {
	start := s.startKfake
	if s.opts.kafka == kafkaApache {
		start = s.startApacheKafka
	}
	p, err := start(ctx)
	if err == nil {
		s.export("KAFKA_KIND", s.opts.kafka)
	}
	return p, err
}

func (s *stack) startKfake(context.Context) (started, error) {
	port, err := s.book.Port(portKafka)
	if err != nil {
		return started{}, err
	}
	cfg := kafka.Config{Port: port}
	if s.durable() {
		cfg.Dir = filepath.Join(s.dir, "kafka")
	}
	b, err := kafka.Start(cfg)
	if err != nil {
		return started{}, err
	}
	return started{b.Address, "kfake on " + b.Address, b.Stop}, nil
}

func (s *stack) startApacheKafka(ctx context.Context) (started, error) {
	b, err := apache.Start(ctx, apache.Config{
		Port: s.port(portKafka), Controller: s.port("kafka-controller"),
		Dir: filepath.Join(s.dir, "apache-kafka"), Durable: s.durable(), Log: s.log,
	})
	if err != nil {
		return started{}, err
	}
	return started{b.Address, "Apache Kafka " + b.Version + " on " + b.Address, b.Stop}, nil
}

func (s *stack) startTemporal(ctx context.Context) (started, error) {
	cfg := temporal.Config{Namespace: "default", Retention: retention, Log: s.log.Level(zerolog.WarnLevel)}
	if s.opts.verbose {
		cfg.Log = s.log.Level(zerolog.InfoLevel)
	}
	var err error
	if cfg.Ports, err = s.temporalPorts(); err != nil {
		return started{}, err
	}
	switch {
	case s.opts.temporal == "postgres":
		cfg.Postgres = s.env["DATABASE_URL"]
	case s.durable():
		cfg.File = filepath.Join(s.dir, "temporal.db")
	}
	t, err := temporal.Start(ctx, cfg)
	if err != nil {
		return started{}, err
	}
	s.export("TEMPORAL_UI", t.UI)
	return started{t.Address, fmt.Sprintf("%s on %s, web UI %s", s.opts.temporal, t.Address, t.UI), t.Stop}, nil
}

func (s *stack) temporalPorts() (p temporal.Ports, err error) {
	for _, want := range []struct {
		name string
		port *int
	}{
		{portTemporal, &p.Frontend}, {portTemporalUI, &p.UI},
		{"temporal-history", &p.History}, {"temporal-matching", &p.Matching}, {"temporal-worker", &p.Worker},
	} {
		if *want.port, err = s.book.Port(want.name); err != nil {
			return p, err
		}
	}
	return p, nil
}
