package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/rs/zerolog"

	"order-service/bus"
	"order-service/cache"
	"order-service/config"
	"order-service/saga"
	"order-service/store"
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

// openGate returns a gate that waits for Redis as long as a buyer is made to;
// patience is for those whom nobody waits for.
func openGate(cfg config.Config, log zerolog.Logger, to instruments, patience time.Duration) (*cache.Gate, error) {
	gate, err := cache.Open(cache.Config{URL: string(cfg.RedisURL), Timeout: patience, Batch: to.gate, Log: log})
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

func openProvider(cfg config.Config) (*saga.HTTPProvider, error) {
	security, err := tlsConfig(cfg.PaymentTLSCA != "" || cfg.PaymentTLSCert != "", cfg.PaymentTLSCA, cfg.PaymentTLSCert, cfg.PaymentTLSKey)
	if err != nil {
		return nil, fmt.Errorf("PAYMENT_TLS_CA, PAYMENT_TLS_CERT or PAYMENT_TLS_KEY: %w", err)
	}
	provider, err := saga.NewHTTPProvider(saga.ProviderConfig{
		URL: cfg.PaymentURL, Concurrency: cfg.PaymentConcurrency, APIKey: string(cfg.PaymentAPIKey), TLS: security,
	})
	if err != nil {
		return nil, fmt.Errorf("PAYMENT_URL: %w", err)
	}
	return provider, nil
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
