package api

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"order-service/order"
)

// tally is a meter that remembers.
type tally struct {
	mu    sync.Mutex
	lines []string
}

func (m *tally) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, fmt.Sprintf(format, args...))
}

// told returns what was noted since the last call.
func (m *tally) told() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := m.lines
	m.lines = nil
	return lines
}

func (m *tally) Route(method, route string) func(int, time.Duration) {
	return func(status int, _ time.Duration) { m.note("%s %s %d", method, route, status) }
}

func (m *tally) StrayReport(event string) { m.note("stray %s", event) }

func (m *tally) Held(code order.Code, again bool, _ time.Duration) {
	m.note("held %q again=%t", code, again)
}

func (m *tally) IntakeWaited(time.Duration) {}

func (m *tally) IntakeBatch(int, time.Duration) {}

func (m *tally) Ordered(code order.Code, _ time.Duration, _ string) { m.note("ordered %q", code) }

func TestAnswersAreReportedByRouteOnce(t *testing.T) {
	var m tally
	shop := newShop()
	s := serve(t, shop, func(_ *Config, d *Deps) { d.Meter = &m })
	o := shop.put("ann", order.PaymentPending)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/orders/" + o.ID.String(), "GET /orders/:id 200"},
		{"GET", "/orders/nonsense", "GET /orders/:id 404"},
		{"HEAD", "/products", "GET /products 200"},
		{"GET", "/livez", "GET /livez 200"},
		{"GET", "/style.css", "GET pages 200"},
		{"GET", "/made/up/" + strings.Repeat("x", 100), "any none 404"},
		{"DELETE", "/orders", "any none 405"},
		{"POST", "/orders/" + o.ID.String() + "/cancel", "POST /orders/:id/cancel 200"},
		{"PUT", "/admin/products/lamp", "PUT /admin/products/:id 403"},
	} {
		if c.path == "/orders/"+o.ID.String()+"/cancel" {
			shop.onSaga = func(string, order.Order) { shop.move(o.ID, order.Cancelled) }
		}
		s.as("ann", c.method, c.path, "")
		if got := m.told(); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s %s is reported as %q, want %q", c.method, c.path, got, c.want)
		}
	}
}

func TestRequestsThatCannotBeReadAreReported(t *testing.T) {
	var m tally
	s := serve(t, newShop(), func(_ *Config, d *Deps) { d.Meter = &m })
	s.raw("nonsense\r\n\r\n")
	s.raw("POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
	if got := m.told(); !slices.Equal(got, []string{"any none 400", "any none 413"}) {
		t.Errorf("reported %q", got)
	}
}

func TestPanicIsReportedAsWhatItIsAnsweredWith(t *testing.T) {
	var m tally
	shop := newShop()
	shop.onJoin = func() { panic("out of cheese") }
	s := serve(t, shop, func(_ *Config, d *Deps) { d.Meter = &m })
	s.as("ann", "GET", "/orders/events", "").problem(t, 500, order.CodeInternal)
	if got := m.told(); !slices.Equal(got, []string{"GET /orders/events 500"}) {
		t.Errorf("reported %q", got)
	}
}

func TestIntakeReportsGateAndOutcome(t *testing.T) {
	var m tally
	shop := newShop()
	shop.meter = &m
	s := serve(t, shop, func(_ *Config, d *Deps) { d.IntakeMeter = &m })
	const body = `{"productId":"lamp","quantity":1}`
	report := func(want ...string) {
		t.Helper()
		if got := m.told(); !slices.Equal(got, want) {
			t.Errorf("reported %q, want %q", got, want)
		}
	}
	s.as("ann", "POST", "/orders", body, "Idempotency-Key", "k").ok(t)
	report(`held "" again=false`, `ordered ""`)
	s.as("ann", "POST", "/orders", body, "Idempotency-Key", "k").ok(t)
	report(`held "" again=true`, `ordered ""`)
	s.as("ann", "POST", "/orders", `{}`).problem(t, 422, order.CodeValidation)
	report(`ordered "validation"`)
	shop.gateErr = order.Errorf(order.CodeSoldOut, "None left.")
	s.as("ann", "POST", "/orders", body).problem(t, 409, order.CodeSoldOut)
	report(`held "sold-out" again=false`, `ordered "sold-out"`)
}
