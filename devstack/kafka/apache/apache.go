// Package apache runs Apache Kafka, the real one, on the machine's Java: one
// process that is broker and KRaft controller, from the artifacts that the
// project publishes to Maven.
package apache

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/devstack/process"
)

// Config says where a Broker listens and keeps its data.
type Config struct {
	Port       func() (int, error) // called when no broker is left in Dir: the last port is free then
	Controller func() (int, error) // port of the KRaft controller, called likewise
	Dir        string              // for data, settings, pidfile and log
	Durable    bool                // sync every batch before it is acknowledged; without it a power cut loses some, a crash of Kafka none
	Log        zerolog.Logger

	Settings string  // lines of server.properties, which count more than the package's own
	Client   kgo.Opt // how the broker is spoken to, where Settings secure it; may be nil

	member *member // of a Cluster; nil: alone
}

// Broker is a running broker, by itself or of a Cluster.
type Broker struct {
	ID      int32
	Address string // host:port
	Version string // of Kafka and of Java, for people
	process *process.Process
}

// Start runs Apache Kafka on loopback ports and returns when it serves. On
// first use it downloads the jars, which are kept in the user's cache.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	java, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	if java.jars, err = jars(ctx, cfg.Log); err != nil {
		return nil, err
	}
	n, err := prepare(ctx, cfg, java)
	if err != nil {
		return nil, err
	}
	p, err := process.Start(process.Command{
		Name: "kafka", Path: java.path, Args: n.arguments("kafka.Kafka", n.settings()), Dir: cfg.Dir,
		Log: n.log(), PIDFile: n.pidfile(), Quit: syscall.SIGTERM,
	}, cfg.Log)
	if err != nil {
		return nil, err
	}
	b := &Broker{ID: n.id(), Address: address(n.port), Version: version + " (" + java.version + ")", process: p}
	if err := b.answers(ctx, cfg.Client); err != nil {
		_ = b.Stop()
		return nil, fmt.Errorf("the broker does not answer: %w\n%s", err, p.Tail())
	}
	return b, nil
}

// Stop ends the broker; what was acknowledged stays.
func (b *Broker) Stop() error { return b.process.Stop(30 * time.Second) }

// Kill ends the broker as a crash does.
func (b *Broker) Kill() error { return b.process.Kill() }

// answers returns when the broker itself says that it is part of its cluster,
// as it does once it may lead partitions.
func (b *Broker) answers(ctx context.Context, securely kgo.Opt) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	opts := []kgo.Opt{kgo.SeedBrokers(b.Address), kgo.RequestRetries(0)}
	if securely != nil {
		opts = append(opts, securely)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		brokers, err := kadm.NewClient(client).ListBrokers(ctx)
		if err == nil && slices.ContainsFunc(brokers, func(other kadm.BrokerDetail) bool { return other.NodeID == b.ID }) {
			return nil
		}
		select {
		case <-b.process.Done():
			return fmt.Errorf("it ended at once: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (cfg Config) pidfile() string { return filepath.Join(cfg.Dir, "kafka.pid") }

func (cfg Config) log() string { return filepath.Join(cfg.Dir, "kafka.log") }

// data is where Kafka keeps its logs, made by its own storage tool.
func (cfg Config) data() string { return filepath.Join(cfg.Dir, "data") }

func (cfg Config) settings() string { return filepath.Join(cfg.Dir, "server.properties") }
