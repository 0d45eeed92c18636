package e2e

import (
	"bufio"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"order-service/order"
)

// silence is a backend that says nothing for a while, without closing a
// connection, to one of the roles or to both.
type silence struct {
	backend string
	role    string // "all": to both
	thaws   bool   // afterwards everything arrives, else only new connections live
	refuses bool   // orders are 503 meanwhile
	lasts   time.Duration
}

func (f silence) String() string {
	after := "renewed"
	if f.thaws {
		after = "thawed"
	}
	return strings.Join([]string{f.backend, f.role, after}, "-")
}

// How long a silence lasts. The long one is longer than any deadline and than the
// time after which Postgres gives up a silent session; the short one is longer
// than any request may take.
const (
	longSilence  = 30 * time.Second
	shortSilence = 15 * time.Second
)

// silences are, with SOAK, those of every backend to each role that speaks to
// it, with both ends. Without, every backend, role and end is among them.
func silences() []silence {
	if soaking {
		return everySilence()
	}
	return []silence{
		{backend: "postgres", role: "api", refuses: true, lasts: longSilence},
		{backend: "redis", role: "api", refuses: true, lasts: shortSilence},
		{backend: "kafka", role: "api", thaws: true, lasts: shortSilence},
		{backend: "kafka", role: "worker", lasts: shortSilence},
		{backend: "temporal", role: "worker", thaws: true, lasts: shortSilence},
		{backend: "provider", role: "worker", lasts: shortSilence},
	}
}

func everySilence() (all []silence) {
	both := []string{"api", "worker"}
	for backend, roles := range map[string][]string{
		"postgres": both, "redis": both, "kafka": {"api", "worker", "all"}, "temporal": both, "provider": {"worker"},
	} {
		for _, role := range roles {
			refuses := role == "api" && (backend == "postgres" || backend == "redis")
			for _, thaws := range []bool{false, true} {
				all = append(all, silence{backend, role, thaws, refuses, longSilence})
			}
		}
	}
	return all
}

// recovery is how soon after a silence orders must be taken again, and how soon
// those who wait in it must be answered: 10 s, and a margin for a machine that
// is busy with other tests.
const recovery = 30 * time.Second

func TestSaleGoesOnAfterABackendFellSilent(t *testing.T) {
	for _, f := range silences() {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			f.test(t)
		})
	}
}

func (f silence) test(t *testing.T) {
	s, line, env := f.shop(t)
	s.witness = new(witness)
	api, worker := s.startWatched("api", f.of("api", env)), s.startWatched("worker", f.of("worker", env))
	sale := s.newCrowd()
	sale.sendAhead() // what a sale needs once is there from now on
	quiet := []figures{api.figures(), worker.figures()}
	sale.open()
	defer sale.close()
	time.Sleep(2 * crowdEvery)

	let := s.witness.feel(worker.service)
	defer let()
	began := time.Now()
	line.Freeze()
	expectAlive(t, f.lasts, api, worker)
	f.expectOneLeader(api, worker)
	ended := time.Now()
	let()
	if f.thaws {
		line.Thaw()
	} else {
		line.Renew()
	}
	if f.refuses { // else buyers may all be waiting for orders that they have
		s.expectAcceptedSince(ended)
	}
	time.Sleep(2 * crowdEvery)
	sale.settle()
	f.expectAnswered(t, s.witness, began, ended)
	api.expectBack(quiet[0], spareInAPI)
	worker.expectBack(quiet[1], spareInWorker)
}

// expectAlive looks every second for d whether the services answer /livez.
func expectAlive(t *testing.T, d time.Duration, services ...*watched) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		for _, svc := range services {
			resp, err := (&http.Client{Timeout: recovery}).Get(svc.url + "/livez")
			if err != nil {
				t.Errorf("%s: %v", svc.name, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s is %d at /livez", svc.name, resp.StatusCode)
			}
		}
	}
}

// expectOneLeader fails the test unless one of the services leads, and it is not
// one that hears nothing of Postgres. On a busy machine they may just be changing
// places: a leader whose server answers late steps down.
func (f silence) expectOneLeader(api, worker *watched) {
	api.shop.t.Helper()
	api.shop.wait("one leads, and hears Postgres", recovery, func() bool {
		a, w := api.figures().leader, worker.figures().leader
		silent := f.backend == "postgres" && (f.role == "api" && a == 1 || f.role == "worker" && w == 1)
		return a+w == 1 && !silent
	})
}

// expectAcceptedSince waits for the first order that is accepted after t.
func (s *shop) expectAcceptedSince(t time.Time) {
	s.t.Helper()
	accepted := func(a heard) bool { return a.status == http.StatusAccepted && a.ended.After(t) }
	for len(s.witness.saw(accepted)) == 0 {
		if time.Since(t) > recovery {
			s.t.Fatalf("no order was accepted within %s", recovery)
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Logf("the first order was accepted after %s", time.Since(t).Round(10*time.Millisecond))
}

// expectAnswered fails the test unless buyers heard in time what became of
// their orders while the backend was silent. Where they are refused it must soon
// be at once, for nearly all: now and then one has to find out whether the trouble
// is over, and nobody is quick while the whole machine stalls. Else some must get in:
// there is room for more than came before.
func (f silence) expectAnswered(t *testing.T, w *witness, began, ended time.Time) {
	t.Helper()
	orders := w.saw(func(a heard) bool {
		return a.request == "POST /orders" && a.ended.After(began) && a.begun.Before(ended)
	})
	stalls := w.stalls()
	accepted, waited, soon, longest := 0, 0, 0, time.Duration(0)
	for _, a := range orders {
		longest = max(longest, a.took())
		if a.status == http.StatusAccepted {
			accepted++
		}
		if a.begun.Sub(began) > 10*time.Second && !slices.ContainsFunc(stalls, a.overlaps) {
			waited++
			if a.took() < time.Second {
				soon++
			}
		}
	}
	t.Logf("%d answers in the silence, the last after %s: %d accepted; %d of the last %d at once; the machine stalled %d times",
		len(orders), longest.Round(10*time.Millisecond), accepted, soon, waited, len(stalls))
	if longest > recovery {
		t.Errorf("an answer took %s", longest)
	}
	if f.refuses && soon*10 < waited*9 {
		t.Errorf("only %d of %d refusals came at once", soon, waited)
	}
	if !f.refuses && accepted == 0 {
		t.Error("no order was accepted, though intake does without what was silent")
	}
}

// shop is one whose services may be led by the line, with env.
func (f silence) shop(t *testing.T) (s *shop, l *line, env map[string]string) {
	t.Helper()
	switch f.backend {
	case "kafka":
		b := newBroker(t)
		l = newKafkaLine(t, b.address)
		s = newShop(t, "KAFKA_BOOTSTRAP", b.address, "INTAKE_BUDGET", "100ms")
		return s, l, map[string]string{"KAFKA_BOOTSTRAP": l.Address}
	case "provider":
		l = newLine(t, "") // before the shop, which brings the provider
		s = newShop(t, "INTAKE_BUDGET", "100ms")
		l.Backend = hostOf(t, s.provider.url)
		return s, l, map[string]string{"PAYMENT_URL": "http://" + l.Address}
	}
	name := map[string]string{"postgres": "DATABASE_URL", "redis": "REDIS_URL", "temporal": "TEMPORAL_ADDRESS"}[f.backend]
	host := os.Getenv(name)
	if f.backend != "temporal" {
		host = hostOf(t, host)
	}
	l = newLine(t, host)
	s = newShop(t, "INTAKE_BUDGET", "100ms")
	return s, l, map[string]string{name: strings.Replace(s.env[name], host, l.Address, 1)}
}

func hostOf(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// of is env for a role that the silence is about.
func (f silence) of(role string, env map[string]string) map[string]string {
	if role == f.role || f.role == "all" {
		return env
	}
	return nil
}

func TestServiceEndsInTimeWhilePostgresIsSilent(t *testing.T) {
	t.Parallel()
	s, line, env := silence{backend: "postgres"}.shop(t)
	svc := s.startAt(freeAddr(t), suite.binary, "all", env)
	b, productID := s.anyone(), s.product(5)
	id := b.buy(productID, 1)
	b.await(id, order.PaymentPending)
	line.Freeze()
	time.Sleep(7 * time.Second) // the leader has noticed
	svc.stop()
	s.start("all")
	if o := b.get(id); o.Status != order.PaymentPending {
		t.Errorf("after it the order is %s", o)
	}
}

// watched is a service whose figures can be read.
type watched struct {
	*service
	admin string
}

func (s *shop) startWatched(role string, env map[string]string) *watched {
	s.t.Helper()
	w := &watched{admin: freeAddr(s.t)}
	all := map[string]string{"ADMIN_ADDR": w.admin, "WORKER_POLLERS": "8"} // as many as it begins with, so that none come
	maps.Copy(all, env)
	w.service = s.startAt(freeAddr(s.t), suite.binary, role, all)
	return w
}

// figures are what must be again as it was, and the most connections there may be.
type figures struct{ goroutines, connections, most, leader int }

func (w *watched) figures() (f figures) {
	t := w.shop.t
	t.Helper()
	resp, err := (&http.Client{Timeout: recovery}).Get("http://" + w.admin + "/metrics")
	if err != nil {
		t.Errorf("metrics of %s: %v", w.name, err)
		return f
	}
	defer resp.Body.Close()
	wanted := map[string]*int{
		"go_goroutines": &f.goroutines, "order_service_postgres_connections_in_use": &f.connections,
		"order_service_postgres_connections_max": &f.most, "order_service_upkeep_leader": &f.leader,
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if into, ok := wanted[name]; ok {
			*into, _ = strconv.Atoi(value)
		}
	}
	return f
}

// What a process may have more of than after a first wave of buyers: goroutines of
// connections that a sale opened and keeps for a while. The worker, whose pollers
// grow with what there is to do, was seen to have 49 more on a machine with a load
// of 16.
const (
	spareInAPI    = 20
	spareInWorker = 60
)

// expectBack waits until the service has no more goroutines and connections in
// use than it had before, but for a few spare ones.
func (w *watched) expectBack(before figures, spare int) {
	t := w.shop.t
	t.Helper()
	var now figures
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		now = w.figures()
		if now.goroutines > 0 && now.goroutines <= before.goroutines+spare && now.connections <= before.connections+1 {
			t.Logf("%s: %+v, before %+v", w.name, now, before)
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s has %+v, before it had %+v", w.name, now, before)
			return
		}
	}
}
