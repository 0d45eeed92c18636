package e2e

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	pid     int
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
	n.until("answers", func(ctx context.Context) bool {
		_, pid, _ := strings.Cut(n.client.Info(ctx, "server").Val(), "process_id:")
		n.pid, err = strconv.Atoi(strings.SplitN(pid, "\r", 2)[0])
		return err == nil
	})
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

// troubles are what may become of a master.
var troubles = map[string]struct{ begin, end func(n *node) error }{
	"killed": {
		func(n *node) error { return n.process.Kill() },
		func(n *node) error { n.start(); return nil },
	},
	"frozen": {
		func(n *node) error { return syscall.Kill(n.pid, syscall.SIGSTOP) },
		func(n *node) error { return syscall.Kill(n.pid, syscall.SIGCONT) },
	},
}

// A master that dies, or falls silent, takes its products with it, and no
// others: they sell on at their speed while a crowd asks for its own, which sell
// again when it is back.
func TestHAProductsOfLiveMastersSellOnWhileOneIs(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := newRedisCluster(t)
			u := url.URL{Scheme: "redis", Host: nodes[0].address()}
			u.RawQuery = url.Values{"addr": {nodes[1].address(), nodes[2].address()}}.Encode()
			s := newShop(t, "REDIS_URL", u.String())
			s.start("all")
			dead, live := s.productOn(nodes[2], 1_000_000), s.productOn(nodes[1], 1_000_000)
			s.anyone().buy(dead, 1)
			s.anyone().buy(live, 1)
			stop := s.crowdAt(dead)
			before := s.sellOneByOne(live)

			if err := trouble.begin(nodes[2]); err != nil {
				t.Fatal(err)
			}
			during := s.sellOneByOne(live)
			for again := 0; during.worseThan(before) && again < busyMoments; again++ {
				during = s.sellOneByOne(live)
			}
			s.expectRefusedAtOnce(dead)
			stop()

			if err := trouble.end(nodes[2]); err != nil {
				t.Fatal(err)
			}
			nodes[2].until("is back", func(ctx context.Context) bool {
				return strings.Contains(nodes[0].client.ClusterInfo(ctx).Val(), "cluster_slots_ok:"+strconv.Itoa(slots))
			})
			after := s.sellOneByOne(live)
			t.Logf("a live product: %+v before, %+v meanwhile, %+v after", before, during, after)
			if during.worseThan(before) && during.worseThan(after) { // the machine may be busier for good
				t.Error("the live product does not sell on as before")
			}
			s.insisting = true
			b := s.anyone()
			b.await(b.buy(dead, 1), order.PaymentPending)
		})
	}
}

const (
	crowdWants = 8   // ask for a product at once
	liveBuyers = 100 // buy one after the other

	// busyMoments is how often they buy again where they fared badly: a second in
	// which the other tests take the whole machine passes, a dead master does not.
	busyMoments = 4
)

// crowdAt lets some ask for a product again and again, whatever they are told,
// until the returned function is called.
func (s *shop) crowdAt(productID string) (stop func()) {
	var crowd sync.WaitGroup
	going := make(chan struct{})
	for range crowdWants {
		crowd.Go(func() {
			b := s.anyone()
			for {
				select {
				case <-going:
					return
				default:
					b.ask(productID)
					time.Sleep(5 * time.Millisecond) // or the last buyer waits behind thousands
				}
			}
		})
	}
	stop = sync.OnceFunc(func() { close(going); crowd.Wait() })
	s.t.Cleanup(stop)
	return stop
}

// ask orders a unit and takes the first answer.
func (b *buyer) ask(productID string) reply {
	b.shop.t.Helper()
	return b.call("POST", "/orders", map[string]any{"productId": productID, "quantity": 1})
}

// refusalPause is how long after a refusal the next buyer comes. A master that is
// late on a busy machine is not asked for a quarter of a second, and a hundred
// refusals from memory take less.
const refusalPause = 100 * time.Millisecond

// sold is how buyers fared, one after the other.
type sold struct {
	refused int
	quick   time.Duration // how long the quickest quarter of those waited who got a unit, at most; 0: nobody did
}

// worseThan allows for what a master that has gone takes with it: a look at where
// the slots are now. Who waits for the dead one's product in every wave waits 40 ms,
// and among the quickest only for that: the others may wait for the machine.
func (s sold) worseThan(usual sold) bool {
	return s.refused > usual.refused+liveBuyers/10 || s.quick > 2*usual.quick+10*time.Millisecond
}

// sellOneByOne lets buyers order one unit each.
func (s *shop) sellOneByOne(productID string) sold {
	s.t.Helper()
	took := []time.Duration{0}
	for range liveBuyers {
		begun := time.Now()
		if s.anyone().ask(productID).status == http.StatusAccepted {
			took = append(took, time.Since(begun))
		} else {
			time.Sleep(refusalPause)
		}
	}
	slices.Sort(took)
	return sold{liveBuyers + 1 - len(took), took[len(took)/4]}
}
