package bus

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

	"order-service/order"
	"order-service/tracing"
)

// Config says where Kafka is and what the topics are called.
type Config struct {
	Brokers           []string // host:port of the brokers to begin with
	Topics            Topics
	Group             string      // consumer group of the saga starters
	ReplicationFactor int16       // of topics that are created; 0 or -1 is the broker's default
	TLS               *tls.Config // nil: plain TCP
	Login             Login
	Meter             Meter           // may be nil
	Tracer            *tracing.Tracer // may be nil
	Log               zerolog.Logger

	// Dial replaces how brokers are reached, TLS included; nil dials TCP or TLS.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Topics names the three topics of the service.
type Topics struct {
	Reservations string // order.ReservationEvent, read by the consumer
	Created      string // order.CreatedEvent, for other services
	Progress     string // order.ProgressEvent, read by every tail
}

// partitions of a topic that the service creates: the most consumers that can
// share the work of one.
const partitions = 12

// Bus is the connection to Kafka that a process's parts share. Its methods may
// be called from any goroutine.
type Bus struct {
	cfg      Config
	log      zerolog.Logger
	login    sasl.Mechanism // nil is none
	producer *kgo.Client
	admin    *kadm.Client               // speaks over the producer's connections
	writer   atomic.Pointer[kgo.Client] // produces: the producer, or what took its place

	repairing sync.Mutex // held by the one goroutine that repairs lost topics, or renews the writer
	renewed   time.Time  // the writer; guarded by repairing
}

// Open prepares a Bus without speaking to a broker. It returns an error when
// the configuration makes no sense, never because Kafka is away.
func Open(cfg Config) (*Bus, error) {
	if cfg.ReplicationFactor == 0 {
		cfg.ReplicationFactor = -1
	}
	if cfg.Meter == nil {
		cfg.Meter = unmetered{}
	}
	b := &Bus{cfg: cfg, log: cfg.Log.With().Str("part", "bus").Logger()}
	var err error
	if b.login, err = cfg.Login.mechanism(); err != nil {
		return nil, err
	}
	producer, err := b.client(cfg.producing()...)
	if err != nil {
		return nil, err
	}
	b.producer, b.admin = producer, kadm.NewClient(producer)
	b.writer.Store(producer)
	return b, nil
}

// Close ends the producer. What it has not delivered by then fails; stop the
// parts that publish first.
func (b *Bus) Close() {
	if writer := b.writer.Load(); writer != b.producer {
		writer.Close()
	}
	b.producer.Close()
}

// Ping returns nil when a broker answers, CodeUnavailable otherwise.
func (b *Bus) Ping(ctx context.Context) error {
	if err := b.producer.Ping(ctx); err != nil {
		return order.Wrap(err, order.CodeUnavailable, "Kafka cannot be reached.")
	}
	return nil
}

// client returns a new client for the configured brokers.
func (b *Bus) client(opts ...kgo.Opt) (*kgo.Client, error) {
	all := []kgo.Opt{
		kgo.SeedBrokers(b.cfg.Brokers...),
		kgo.ClientID("order-service"),
		kgo.WithLogger(newLogger(b.log)),
		kgo.WithHooks(clientHook{b.cfg.Meter}),
		kgo.DisableClientMetrics(),
		kgo.RequestTimeoutOverhead(5 * time.Second),
		kgo.MetadataMinAge(time.Second), // bounds how soon a new leader or topic is noticed
		kgo.MetadataMaxAge(time.Minute),
		kgo.FetchMaxWait(500 * time.Millisecond), // a partition that joins waits for the fetch under way
	}
	all = append(all, b.cfg.dialing()...)
	if b.login != nil {
		all = append(all, kgo.SASL(b.login))
	}
	client, err := kgo.NewClient(append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("configure Kafka client: %w", err)
	}
	return client, nil
}

func (c Config) dialing() []kgo.Opt {
	switch {
	case c.Dial != nil:
		return []kgo.Opt{kgo.Dialer(c.Dial)}
	case c.TLS != nil:
		return []kgo.Opt{kgo.DialTLSConfig(c.TLS), kgo.DialTimeout(5 * time.Second)}
	}
	return []kgo.Opt{kgo.DialTimeout(5 * time.Second)}
}
