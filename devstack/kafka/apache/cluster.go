package apache

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// ClusterConfig says how many brokers there are and where they keep their data.
type ClusterConfig struct {
	Brokers int                 // at least 3, or none may be away
	Port    func() (int, error) // gives out one that is free, at each call
	Dir     string
	Log     zerolog.Logger
}

// Cluster is several brokers, each of which may be killed and started again.
type Cluster struct {
	configs []Config  // that of the broker with the ID n is at n-1
	brokers []*Broker // the same; nil before its first start
}

// member is what makes a broker one of a cluster.
type member struct {
	id      int32
	cluster string // id
}

// replicated has every record on three brokers, and on two before it is
// acknowledged, and a broker missed sooner than after the usual 9 s.
const replicated = `
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
`

// StartCluster runs the brokers and returns when all of them serve. Where it
// fails, the Cluster is still to be stopped.
func StartCluster(ctx context.Context, cfg ClusterConfig) (*Cluster, error) {
	c := &Cluster{brokers: make([]*Broker, cfg.Brokers)}
	cluster, voters, ids := clusterID(), make([]string, cfg.Brokers), make([]int32, cfg.Brokers)
	for i := range cfg.Brokers {
		broker, failed := cfg.Port()
		controller, err := cfg.Port()
		if err := errors.Join(failed, err); err != nil {
			return c, err
		}
		ids[i] = int32(i + 1)
		voters[i] = fmt.Sprintf("%d@%s", ids[i], address(controller))
		c.configs = append(c.configs, Config{
			Port: fixed(broker), Controller: fixed(controller), Dir: filepath.Join(cfg.Dir, strconv.Itoa(i+1)), Log: cfg.Log,
			member: &member{id: ids[i], cluster: cluster},
		})
	}
	for i := range c.configs {
		c.configs[i].Settings = fmt.Sprintf("node.id=%d\ncontroller.quorum.voters=%s%s", ids[i], strings.Join(voters, ","), replicated)
	}
	return c, c.Start(ctx, ids...)
}

func fixed(port int) func() (int, error) { return func() (int, error) { return port, nil } }

// Start runs brokers at once, by their IDs: one alone would wait for a majority.
func (c *Cluster) Start(ctx context.Context, ids ...int32) error {
	failed := make([]error, len(ids))
	var starts sync.WaitGroup
	for i, id := range ids {
		starts.Go(func() { c.brokers[id-1], failed[i] = Start(ctx, c.configs[id-1]) })
	}
	starts.Wait()
	return errors.Join(failed...)
}

// Kill ends a broker as a crash does.
func (c *Cluster) Kill(id int32) error { return c.brokers[id-1].Kill() }

// Stop kills all brokers, whose data nobody will read: a clean end would wait
// for a majority.
func (c *Cluster) Stop() {
	for _, b := range c.brokers {
		if b != nil {
			_ = b.Kill() // it may have ended
		}
	}
}

// Addresses are those of all brokers, as a client is given them.
func (c *Cluster) Addresses() string {
	var all []string
	for _, b := range c.brokers {
		all = append(all, b.Address)
	}
	return strings.Join(all, ",")
}
