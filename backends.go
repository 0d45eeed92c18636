package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"order-service/bus"
	"order-service/cache"
	"order-service/config"
	"order-service/saga"
	"order-service/store"
	"order-service/verify"
)

// instruments are what the backends report to. The commands that do one thing
// and end have none.
type instruments struct {
	store store.Meter
	gate  func(calls int, took time.Duration)
	bus   bus.Meter
	saga  saga.Meter
}

func openStore(ctx context.Context, cfg config.Config, log zerolog.Logger, to instruments) (*store.Store, error) {
	return store.Open(ctx, store.Config{URL: string(cfg.DatabaseURL), Meter: to.store, Log: log})
}

func openGate(cfg config.Config, log zerolog.Logger, to instruments) (*cache.Gate, error) {
	gate, err := cache.Open(cache.Config{URL: string(cfg.RedisURL), Batch: to.gate, Log: log})
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return gate, nil
}

func openBus(cfg config.Config, log zerolog.Logger, to instruments) (*bus.Bus, error) {
	security, err := tlsConfig(cfg.KafkaTLS, cfg.KafkaTLSCA, "", "")
	if err != nil {
		return nil, fmt.Errorf("KAFKA_TLS_CA: %w", err)
	}
	return bus.Open(bus.Config{
		Brokers:           cfg.KafkaBootstrap,
		Topics:            bus.Topics{Reservations: cfg.TopicReservation, Created: cfg.TopicCreated, Progress: cfg.TopicProgress},
		Group:             cfg.KafkaGroup,
		ReplicationFactor: cfg.KafkaReplication,
		TLS:               security,
		Mechanism:         cfg.KafkaSASL,
		Username:          cfg.KafkaUsername,
		Password:          string(cfg.KafkaPassword),
		Meter:             to.bus,
		Log:               log,
	})
}

func openSaga(cfg config.Config, log zerolog.Logger, to instruments) (*saga.Client, error) {
	security, err := tlsConfig(cfg.TemporalTLS, cfg.TemporalTLSCA, cfg.TemporalTLSCert, cfg.TemporalTLSKey)
	if err != nil {
		return nil, fmt.Errorf("TEMPORAL_TLS_CA, TEMPORAL_TLS_CERT or TEMPORAL_TLS_KEY: %w", err)
	}
	return saga.Dial(saga.Config{
		Address:        cfg.TemporalAddress,
		Namespace:      cfg.TemporalNamespace,
		TaskQueue:      cfg.TemporalTaskQueue,
		TLS:            security,
		APIKey:         string(cfg.TemporalAPIKey),
		PaymentTimeout: cfg.PaymentTimeout,
		Meter:          to.saga,
		Log:            log,
	})
}

// tlsConfig reads the PEM files that are named; nil means plain TCP.
func tlsConfig(enabled bool, caFile, certFile, keyFile string) (*tls.Config, error) {
	if !enabled {
		return nil, nil
	}
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", caFile)
		}
	}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		security.Certificates = []tls.Certificate{pair}
	}
	return security, nil
}

// migrate brings the schema up to date and returns.
func migrate(ctx context.Context, cfg config.Config, log zerolog.Logger) error {
	db, err := openStore(ctx, cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Migrate(ctx)
}

// replayDeadLetters puts dead letters back and says how many.
func replayDeadLetters(ctx context.Context, cfg config.Config, log zerolog.Logger, out io.Writer) error {
	kafka, err := openBus(cfg, log, instruments{})
	if err != nil {
		return err
	}
	defer kafka.Close()
	n, err := kafka.ReplayDeadLetters(ctx)
	fmt.Fprintf(out, "%d dead letters put back into %s\n", n, cfg.TopicReservation)
	return err
}

// verifySystem checks the invariants of the running system, prints the report
// and tells whether all hold. It reads only.
func verifySystem(ctx context.Context, cfg config.Config, log zerolog.Logger, out io.Writer, asJSON bool) (bool, error) {
	db, err := openStore(ctx, cfg, log, instruments{})
	if err != nil {
		return false, err
	}
	defer db.Close()
	gate, err := openGate(cfg, log, instruments{})
	if err != nil {
		return false, err
	}
	defer gate.Close()
	workflows, err := openSaga(cfg, log, instruments{})
	if err != nil {
		return false, err
	}
	defer workflows.Close()
	report, err := verify.Run(ctx, verify.Deps{Audit: db, Gate: gate, Workflows: workflows},
		verify.Options{PaymentTimeout: cfg.PaymentTimeout})
	if err != nil {
		return false, err
	}
	if asJSON {
		return report.OK, printJSON(out, report)
	}
	_, err = fmt.Fprint(out, report)
	return report.OK, err
}
