package e2e

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"order-service/devstack/process"
	"order-service/devstack/redis"
	"order-service/order"
)

// slots of a Redis Cluster are shared evenly among its masters.
const (
	slots   = 16384
	masters = 3
)

// node is one master of a Redis Cluster.
type node struct {
	t       *testing.T
	port    string
	bus     string // port for the other nodes
	dir     string
	process *process.Process
	client  *goredis.Client
}

func (n *node) address() string { return net.JoinHostPort("127.0.0.1", n.port) }

func (n *node) start() {
	n.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		n.t.Fatal(redis.ErrMissing)
	}
	n.process, err = process.Start(process.Command{
		Name: "redis-server", Path: path, Dir: n.dir, Log: filepath.Join(n.dir, "redis.log"), Quit: syscall.SIGTERM,
		Args: []string{
			"--bind", "127.0.0.1", "--port", n.port, "--dir", n.dir, "--save", "", "--appendonly", "no",
			"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no",
			"--cluster-port", n.bus,
		},
	}, zerolog.New(zerolog.NewTestWriter(n.t)))
	if err != nil {
		n.t.Fatal(err)
	}
	n.until("answers", func(ctx context.Context) bool { return n.client.Ping(ctx).Err() == nil })
}

// until waits for what happens to a node.
func (n *node) until(what string, done func(context.Context) bool) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !done(ctx) {
		if ctx.Err() != nil {
			n.t.Fatalf("waited in vain until the node at %s %s", n.address(), what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// newRedisCluster is a cluster of masters without replicas.
func newRedisCluster(t *testing.T) []*node {
	t.Helper()
	nodes := make([]*node, masters)
	for i := range nodes {
		n := &node{t: t, port: strconv.Itoa(freePort(t)), bus: strconv.Itoa(freePort(t)), dir: t.TempDir()}
		n.client = goredis.NewClient(&goredis.Options{Addr: n.address(), MaxRetries: -1})
		n.start()
		t.Cleanup(func() {
			_ = n.client.Close()
			_ = n.process.Stop(10 * time.Second) // the test may have ended it
		})
		if err := n.client.ClusterAddSlotsRange(t.Context(), i*slots/masters, (i+1)*slots/masters-1).Err(); err != nil {
			t.Fatal(err)
		}
		nodes[i] = n
	}
	for _, n := range nodes[1:] {
		if err := n.client.Do(t.Context(), "cluster", "meet", "127.0.0.1", nodes[0].port, nodes[0].bus).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		n.until("is in a whole cluster", func(ctx context.Context) bool {
			info := n.client.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:"+strconv.Itoa(slots))
		})
	}
	return nodes
}

// productOn returns a product whose keys are n's.
func (s *shop) productOn(n *node, units int64) string {
	s.t.Helper()
	for {
		id := s.product(units)
		err := n.client.Get(s.t.Context(), "gate:{"+id+"}:product").Err()
		if err == nil || !strings.HasPrefix(err.Error(), "MOVED") {
			return id
		}
	}
}

// A master that dies takes its products with it, and no others: they sell on
// while it is away, and its own do when it is back.
func TestHAProductsOfLiveMastersSellOnWhileOneIsKilled(t *testing.T) {
	t.Parallel()
	nodes := newRedisCluster(t)
	u := url.URL{Scheme: "redis", Host: nodes[0].address()}
	u.RawQuery = url.Values{"addr": {nodes[1].address(), nodes[2].address()}}.Encode()
	s := newShop(t, "REDIS_URL", u.String())
	s.start("all")
	dead, live := s.productOn(nodes[2], 100), s.productOn(nodes[1], 100)
	s.anyone().buy(dead, 1)
	s.anyone().buy(live, 1)

	if err := nodes[2].process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.expectRefusedAtOnce(dead)
	const buyers = 40
	begun, refused := time.Now(), 0
	for range buyers {
		if r := s.anyone().order(live, 1); r.status != http.StatusAccepted {
			refused++
		}
	}
	if took := time.Since(begun); refused > buyers/10 || took > buyers*time.Second/2 {
		t.Errorf("%d of %d buyers of a live product were refused, in %s", refused, buyers, took)
	}
	s.expectRefusedAtOnce(dead)

	nodes[2].start()
	nodes[2].until("is back", func(ctx context.Context) bool {
		return strings.Contains(nodes[0].client.ClusterInfo(ctx).Val(), "cluster_slots_ok:"+strconv.Itoa(slots))
	})
	s.insisting = true
	b := s.anyone()
	b.await(b.buy(dead, 1), order.PaymentPending)
}
