package api

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestReadinessIsThatOfWhatIsRequired(t *testing.T) {
	up := func(context.Context) error { return nil }
	down := func(context.Context) error { return errors.New("gone") }
	for name, c := range map[string]struct {
		checks []Check
		status int
		health health
	}{
		"all there":     {[]Check{{"postgres", true, up}, {"kafka", false, up}}, 200, healthOK},
		"optional away": {[]Check{{"postgres", true, up}, {"kafka", false, down}}, 200, healthDegraded},
		"required away": {[]Check{{"postgres", true, down}, {"kafka", false, up}}, 503, healthDown},
		"both away":     {[]Check{{"kafka", false, down}, {"postgres", true, down}}, 503, healthDown},
	} {
		t.Run(name, func(t *testing.T) {
			s := run(t, nil, NewHealth(testConfig(), c.checks))
			var got readiness
			a := s.call("GET", "/readyz", "")
			a.decode(t, &got)
			if a.StatusCode != c.status || got.Status != c.health || len(got.Checks) != 2 {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			s.call("GET", "/livez", "").ok(t)
			s.call("GET", "/products", "").problem(t, 404, "not-found")
		})
	}
}

// A deployment takes the process out of its balancer before the process goes:
// requests that are still sent to it are answered, and its clients let go of
// their connections.
func TestDrainingServerAnswersAndSendsItsClientsElsewhere(t *testing.T) {
	cfg := testConfig()
	cfg.ShutdownDelay = time.Minute
	s := run(t, nil, NewHealth(cfg, nil))
	ctx, stop := context.WithCancelCause(t.Context())
	drained := make(chan error)
	go func() { drained <- s.Drain(ctx) }()
	for s.call("GET", "/readyz", "").StatusCode == 200 {
		time.Sleep(time.Millisecond)
	}
	if a := s.call("GET", "/livez", ""); a.StatusCode != 200 || !a.Close {
		t.Errorf("%d, connection closes: %t", a.StatusCode, a.Close)
	}
	enough := errors.New("enough")
	stop(enough)
	if err := <-drained; !errors.Is(err, enough) {
		t.Errorf("Drain: %v", err)
	}
}

func TestBackendThatHangsIsNotReady(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	s := run(t, nil, NewHealth(testConfig(), []Check{{"postgres", true, hang}}))
	s.call("GET", "/livez", "").ok(t)
	if a := s.call("GET", "/readyz", ""); a.StatusCode != 503 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}
