// Package kafka runs kfake, a Kafka broker in Go, in this process.
package kafka

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says where a Broker listens and keeps its data.
type Config struct {
	Port  int         // loopback port; it is advertised, so it must stay the same on one Dir
	Dir   string      // data directory; empty keeps everything in memory
	TLS   *tls.Config // nil: plain TCP
	User  User        // who may do everything, as others may whom he adds; the zero User: nobody is asked
	Login *Login      // in place of User, for a mechanism that kfake does not know
}

// User logs in with a password.
type User struct{ Mechanism, Name, Password string }

// Broker is a running cluster of one broker.
type Broker struct {
	Address string // host:port
	cluster *kfake.Cluster
}

// Start runs a broker. With a data directory it takes up what was there and
// syncs every batch to disk before it acknowledges it. Topics are not created
// by use: the service creates its own, with the partitions it wants.
func Start(cfg Config) (*Broker, error) {
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(cfg.Port), kfake.DefaultNumPartitions(12)}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir), kfake.SyncWrites())
	}
	if cfg.TLS != nil {
		opts = append(opts, kfake.TLS(cfg.TLS))
	}
	if cfg.User != (User{}) {
		opts = append(opts, kfake.EnableSASL(), kfake.Superuser(cfg.User.Mechanism, cfg.User.Name, cfg.User.Password))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start kfake: %w", err)
	}
	if cfg.Login != nil {
		cfg.Login.attend(cluster)
	}
	return &Broker{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port)), cluster: cluster}, nil
}

// Stop ends the broker; what was acknowledged is on disk.
func (b *Broker) Stop() error {
	b.cluster.Close()
	return nil
}
