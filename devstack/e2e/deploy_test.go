package e2e

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Two of each role are replaced one after the other, again and again, while the
// sale goes on. Nobody may notice but by a 503.
func TestRollingRestartLosesNoRequest(t *testing.T) {
	t.Parallel()
	s := newShop(t, "SHUTDOWN_DELAY", "5s") // long against the balancer's looks, each of which may take two seconds
	apis := []*service{s.start("api"), s.start("api")}
	workers := []*service{s.start("worker"), s.start("worker")}
	s.balancer = newBalancer(t, apis...)
	sale := s.openDoors()
	for range either(1, 10) {
		for i := range apis {
			next := s.start("api")
			s.balancer.add(next)
			apis[i].stop()
			s.balancer.remove(apis[i])
			apis[i] = next

			next = s.start("worker")
			workers[i].stop()
			workers[i] = next
		}
	}
	sale.settle()
	s.balancer.expectNoneDropped()
}

// earlier is a commit whose binary must be replaceable by the present one, and
// must be able to take back over, with orders in flight.
const earlier = "ae4d7aae7ef4a014eb23ffcfc23d1e718a9a5766"

// The earlier version is built from the repository's history, so this is for
// make soak; replay tests of the workflow's recorded histories are in saga.
func TestOrdersInFlightSurviveADeploymentForwardAndBack(t *testing.T) {
	if !soaking {
		t.Skip("builds an earlier version: make soak")
	}
	t.Parallel()
	old := buildEarlier(t)
	s := newShop(t)
	svc := s.startAt(freeAddr(t), old, "all", nil)
	sale := s.openDoors()
	for _, binary := range []string{suite.binary, old, suite.binary} {
		time.Sleep(10 * crowdEvery)
		svc.stop()
		svc = s.startAt(svc.addr, binary, "all", nil)
	}
	time.Sleep(10 * crowdEvery)
	sale.settle()
}

func buildEarlier(t *testing.T) (binary string) {
	t.Helper()
	source := t.TempDir()
	export := exec.Command("sh", "-c", "git -C ../.. archive "+earlier+" | tar -x -C "+source)
	if out, err := export.CombinedOutput(); err != nil {
		t.Fatalf("export %s: %v\n%s", earlier, err, out)
	}
	binary = filepath.Join(source, "earlier")
	if err := buildFrom(source, binary); err != nil {
		t.Fatal(err)
	}
	return binary
}

// balancer spreads requests over the replicas that say they are ready, as the
// one before a deployment does.
type balancer struct {
	t *testing.T

	mu       sync.Mutex
	replicas []*service
	ready    map[*service]bool
	turn     int
	dropped  []error
}

// balancerEvery is how often the balancer looks at /readyz.
const balancerEvery = 100 * time.Millisecond

func newBalancer(t *testing.T, replicas ...*service) *balancer {
	b := &balancer{t: t, ready: map[*service]bool{}}
	for _, svc := range replicas {
		b.add(svc)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			b.look()
			select {
			case <-stop:
				return
			case <-time.After(balancerEvery):
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
	return b
}

// add takes in a replica that is ready.
func (b *balancer) add(svc *service) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas = append(b.replicas, svc)
	b.ready[svc] = true
}

func (b *balancer) remove(svc *service) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas = slices.DeleteFunc(b.replicas, func(other *service) bool { return other == svc })
	delete(b.ready, svc)
}

func (b *balancer) look() {
	b.mu.Lock()
	replicas := slices.Clone(b.replicas)
	b.mu.Unlock()
	for _, svc := range replicas {
		ready := answersReady(svc)
		b.mu.Lock()
		if _, there := b.ready[svc]; there {
			b.ready[svc] = ready
		}
		b.mu.Unlock()
	}
}

func answersReady(svc *service) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, svc.url+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// url is where the next request goes.
func (b *balancer) url() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.replicas {
		b.turn++
		if svc := b.replicas[b.turn%len(b.replicas)]; b.ready[svc] {
			return svc.url
		}
	}
	return b.replicas[0].url
}

// failed hears why a request got no answer. That nobody listened is no drop: a
// balancer goes on to the next replica.
func (b *balancer) failed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !errors.Is(err, syscall.ECONNREFUSED) {
		b.dropped = append(b.dropped, err)
	}
}

func (b *balancer) expectNoneDropped() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, err := range b.dropped {
		b.t.Errorf("dropped: %v", err)
	}
}
