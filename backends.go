package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"order-service/bus"
	"order-service/cache"
	"order-service/config"
	"order-service/saga"
	"order-service/store"
	"order-service/tracing"
)

// instruments are what the backends report to. The commands that do one thing
// and end have none.
type instruments struct {
	store store.Meter
	gate  func(calls int, took time.Duration)
	bus   bus.Meter
	saga  saga.Meter

	tracer *tracing.Tracer
}

// checkURLs has the drivers read the URLs whose options only they know. Later
// one that can never be dialled would be tried for as long as a server that is
// still starting, or be noticed behind a migration.
func checkURLs(cfg config.Config) (err error) {
	databases := []struct {
		name string
		url  config.Secret
	}{{"DATABASE_URL", cfg.DatabaseURL}, {"DATABASE_DIRECT_URL", cfg.DatabaseDirectURL}}
	for _, database := range databases {
		if database.url == "" {
			continue
		}
		if wrong := store.CheckURL(string(database.url)); wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", database.name, wrong))
		}
	}
	if wrong := cache.CheckURL(string(cfg.RedisURL)); wrong != nil {
		err = errors.Join(err, fmt.Errorf("REDIS_URL: %w", wrong))
	}
	return err
}

func openStore(ctx context.Context, cfg config.Config, log zerolog.Logger, to instruments) (*store.Store, error) {
	return store.Open(ctx, store.Config{
		URL: string(cfg.DatabaseURL), Direct: string(cfg.DatabaseDirectURL),
		Password: cfg.Renewed("DATABASE_PASSWORD", cfg.DatabasePassword), Meter: to.store, Log: log,
	})
}

// openGate returns a gate that waits for Redis as long as a buyer is made to;
// patience is for those whom nobody waits for.
func openGate(cfg config.Config, log zerolog.Logger, to instruments, patience time.Duration) (*cache.Gate, error) {
	security, err := tlsConfig(cfg.RedisSecurity())
	if err != nil {
		return nil, fmt.Errorf("REDIS_TLS_CA, REDIS_TLS_CERT or REDIS_TLS_KEY: %w", err)
	}
	gate, err := cache.Open(cache.Config{
		URL: string(cfg.RedisURL), TLS: security, Password: cfg.Renewed("REDIS_PASSWORD", cfg.RedisPassword),
		Timeout: patience, Batch: to.gate, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return gate, nil
}

func openBus(cfg config.Config, log zerolog.Logger, to instruments) (*bus.Bus, error) {
	security, err := tlsConfig(cfg.KafkaSecurity())
	if err != nil {
		return nil, fmt.Errorf("KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY: %w", err)
	}
	return bus.Open(bus.Config{
		Brokers:           cfg.KafkaBootstrap,
		Topics:            bus.Topics{Reservations: cfg.TopicReservation, Created: cfg.TopicCreated, Progress: cfg.TopicProgress},
		Group:             cfg.KafkaGroup,
		ReplicationFactor: cfg.KafkaReplication,
		TLS:               security,
		Login:             kafkaLogin(cfg),
		Meter:             to.bus,
		Tracer:            to.tracer,
		Log:               log,
	})
}

func kafkaLogin(cfg config.Config) bus.Login {
	return bus.Login{
		Mechanism: cfg.KafkaSASL,
		Username:  cfg.KafkaUsername,
		Password:  cfg.Renewed("KAFKA_PASSWORD", cfg.KafkaPassword),
		Token:     cfg.Renewed("KAFKA_TOKEN", cfg.KafkaToken),
		Client: bus.OAuthClient{
			TokenURL: cfg.KafkaTokenURL, ID: cfg.KafkaClientID, Scopes: cfg.KafkaScopes,
			Secret: cfg.Renewed("KAFKA_OAUTH_CLIENT_SECRET", cfg.KafkaClientSecret),
		},
		Extensions: cfg.KafkaExtensions,
		AWS: bus.AWSKeys{
			AccessKey:    cfg.Renewed("AWS_ACCESS_KEY_ID", cfg.AWSAccessKey),
			SecretKey:    cfg.Renewed("AWS_SECRET_ACCESS_KEY", cfg.AWSSecretKey),
			SessionToken: cfg.Renewed("AWS_SESSION_TOKEN", cfg.AWSSessionToken),

			ContainerURL:   cfg.AWSContainer(),
			ContainerToken: cfg.Renewed("AWS_CONTAINER_AUTHORIZATION_TOKEN", cfg.AWSContainerToken),
		},
	}
}

func openSaga(cfg config.Config, log zerolog.Logger, to instruments) (*saga.Client, error) {
	security, err := tlsConfig(cfg.TemporalSecurity())
	if err != nil {
		return nil, fmt.Errorf("TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_CLIENT_CERT_PATH or TEMPORAL_TLS_CLIENT_KEY_PATH: %w", err)
	}
	return saga.Dial(saga.Config{
		Address:        cfg.TemporalAddress,
		Namespace:      cfg.TemporalNamespace,
		TaskQueue:      cfg.TemporalTaskQueue,
		TLS:            security,
		APIKey:         cfg.Renewed("TEMPORAL_API_KEY", cfg.TemporalAPIKey),
		PaymentTimeout: cfg.PaymentTimeout,
		Meter:          to.saga,
		Tracer:         to.tracer,
		Log:            log,
	})
}

func openProvider(cfg config.Config, to instruments) (*saga.HTTPProvider, error) {
	security, err := tlsConfig(cfg.PaymentSecurity())
	if err != nil {
		return nil, fmt.Errorf("PAYMENT_TLS_CA, PAYMENT_TLS_CERT or PAYMENT_TLS_KEY: %w", err)
	}
	provider, err := saga.NewHTTPProvider(saga.ProviderConfig{
		URL: cfg.PaymentURL, Concurrency: cfg.PaymentConcurrency, APIKey: cfg.Renewed("PAYMENT_API_KEY", cfg.PaymentAPIKey), TLS: security,
		Tracer: to.tracer,
	})
	if err != nil {
		return nil, fmt.Errorf("PAYMENT_URL: %w", err)
	}
	return provider, nil
}
