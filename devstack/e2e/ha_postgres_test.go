package e2e

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"order-service/devstack/postgres"
)

// pair is a primary with a standby that has every commit which was answered.
type pair struct {
	primary *cluster
	standby *postgres.Server
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{primary: newCluster(t)}
	dir, err := os.MkdirTemp("", "order-service-e2e-standby-") // t.TempDir is closed to Postgres' user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	port := freePort(t)
	p.standby, err = postgres.StartStandby(t.Context(), postgres.Config{
		Port: func() (int, error) { return port, nil }, Dir: dir, Log: zerolog.New(zerolog.NewTestWriter(t)),
	}, p.primary.server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.standby.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// url names both servers, as an operator does.
func (p *pair) url(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(p.primary.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Host += "," + p.standby.Address
	return u.String()
}

func (p *pair) promote(t *testing.T) {
	t.Helper()
	if err := p.standby.Promote(context.Background()); err != nil {
		t.Error(err)
	}
}

// What was answered with 202 is on the standby, and the service finds it there
// without a restart.
func TestHASaleGoesOnAfterPostgresFailedOver(t *testing.T) {
	t.Parallel()
	db := newPair(t)
	s := newShop(t, "DATABASE_URL", db.url(t))
	s.start("all")
	s.saleThrough(func(string) {
		db.primary.crash()
		time.Sleep(either(time.Second, 10*time.Second))
		db.promote(t)
	})
}

// A primary that was demoted in favour of another answers on: what it says is
// old, writes fail, and the connections to it look as good as ever.
func TestHASaleGoesOnAfterPostgresWasDemotedAndAnsweredOn(t *testing.T) {
	t.Parallel()
	db := newCluster(t)
	s := newShop(t, "DATABASE_URL", db.server.URL)
	svc := s.start("all")
	s.saleThrough(func(productID string) {
		db.readOnly(true)
		s.expectRefusedAtOnce(productID)
		svc.expectNotReady()
		db.readOnly(false)
	})
	svc.waitReady()
}

func (d *cluster) readOnly(yes bool) {
	d.t.Helper()
	if err := d.server.ReadOnly(context.Background(), yes); err != nil {
		d.t.Error(err)
	}
}

// expectNotReady waits until the service says that it cannot serve.
func (svc *service) expectNotReady() {
	svc.shop.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(svc.url + "/readyz")
		if err != nil {
			svc.shop.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			return
		}
		if time.Now().After(deadline) {
			svc.shop.t.Fatalf("%s answers %s to /readyz", svc.name, resp.Status)
		}
	}
}
