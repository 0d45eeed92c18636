package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
	"order-service/verify"
)

func execute(t *testing.T, args, environ []string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, environ, &out, &err)
	return code, out.String(), err.String()
}

func TestFlagsThatOnlyPrintNeedNoEnvironment(t *testing.T) {
	if code, out, _ := execute(t, []string{"--version"}, nil); code != exitOK || out != version+"\n" {
		t.Errorf("--version: %d, %q", code, out)
	}
	code, out, _ := execute(t, []string{"--help"}, nil)
	for _, flag := range []string{"--role", "--migrate", "--verify", "--json", "--repair", "--replay-dlq", "--healthcheck", "--version"} {
		if code != exitOK || !strings.Contains(out, flag) {
			t.Errorf("--help: %d, does not mention %s", code, flag)
		}
	}
}

func TestWrongUseIsToldAndStartsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		args, environ []string
		says          string
	}{
		"unknown flag":     {args: []string{"--rolle=api"}, says: "--help"},
		"stray argument":   {args: []string{"api"}, says: `"api"`},
		"no environment":   {says: "DATABASE_URL"},
		"two commands":     {args: []string{"--verify", "--repair"}, says: "--verify, --repair"},
		"json of nothing":  {args: []string{"--repair", "--json"}, says: "--verify"},
		"unknown role":     {args: []string{"--role=server"}, environ: []string{"DATABASE_URL=postgres://x/y"}, says: "ROLE"},
		"no way to verify": {environ: []string{"DATABASE_URL=postgres://x/y"}, says: "JWT_SECRET"},
	} {
		code, _, stderr := execute(t, c.args, c.environ)
		if code != exitUsage || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit %d, %q does not say %s", name, code, stderr, c.says)
		}
	}
}

// A command said nothing at all, not even that it failed.
func TestAWrongLogLevelStopsEveryCommandWithItsLine(t *testing.T) {
	host, dialled := listen(t)
	for _, level := range []string{"verbose", "disabled", "fatal", "7"} {
		environ := []string{
			"DATABASE_URL=postgres://u@" + host + "/orders", "HTTP_ADDR=" + host, "LOG_LEVEL=" + level,
			"JWT_SECRET=" + strings.Repeat("s", 32), "PAYMENT_URL=http://payments.internal", "PAYMENT_WEBHOOK_SECRET=whsec_" + strings.Repeat("QUJD", 8),
		}
		for _, command := range []string{"--role=all", "--migrate", "--verify", "--repair", "--replay-dlq", "--healthcheck"} {
			code, stdout, stderr := execute(t, []string{command}, environ)
			if code != exitUsage || stdout != "" || stderr != "LOG_LEVEL must be trace, debug, info, warn or error\n" {
				t.Errorf("LOG_LEVEL=%s: %s ends with %d and says %q, %q", level, command, code, stdout, stderr)
			}
		}
	}
	if n := dialled.Load(); n > 0 {
		t.Errorf("dialled %d times", n)
	}
}

// Only the drivers know the options of their URLs. What they cannot read was
// tried for half a minute, or noticed after Postgres had been migrated.
func TestURLThatADriverCannotReadStopsTheStartBeforeAnythingIsDialled(t *testing.T) {
	host, dialled := listen(t)
	good := map[string]string{
		"DATABASE_URL": "postgres://u:geheim@" + host + "/orders", "REDIS_URL": "redis://:geheim@" + host,
		"JWT_SECRET": strings.Repeat("s", 32), "PAYMENT_URL": "http://payments.internal",
		"PAYMENT_WEBHOOK_SECRET": "whsec_" + strings.Repeat("QUJD", 8),
	}
	for _, c := range []struct{ name, value, says string }{
		{"DATABASE_URL", good["DATABASE_URL"] + "?sslmode=bogus", "sslmode"},
		{"DATABASE_URL", good["DATABASE_URL"] + "?sslmode=verify-full&sslrootcert=/none/ca.pem", "/none/ca.pem"},
		{"DATABASE_URL", good["DATABASE_URL"] + "?pool_max_conns=many", "pool_max_conns"},
		{"DATABASE_URL", "postgres://u:x/geheim@" + host + "/orders", "DATABASE_URL"},
		{"DATABASE_URL", "host=" + host + " password=x geheim sslmode=disable", "DATABASE_URL"},
		{"DATABASE_DIRECT_URL", good["DATABASE_URL"] + "?target_session_attrs=first", "target_session_attrs"},
		{"REDIS_URL", good["REDIS_URL"] + "?nonsense=1", "nonsense"},
		{"REDIS_URL", good["REDIS_URL"] + "?master_name=m&addr=bad", "addr"},
		{"REDIS_URL", good["REDIS_URL"] + "/0?skip_verify=1", "skip_verify"},
	} {
		environ := []string{c.name + "=" + c.value}
		for name, value := range good {
			if name != c.name {
				environ = append(environ, name+"="+value)
			}
		}
		for _, command := range []string{"--role=all", "--migrate", "--verify", "--repair"} {
			began := time.Now()
			code, _, stderr := execute(t, []string{command}, environ)
			if code != exitUsage || !strings.HasPrefix(stderr, c.name) || !strings.Contains(stderr, c.says) || time.Since(began) > 5*time.Second {
				t.Errorf("%s=%s: %s ends with %d after %v and says %q", c.name, c.value, command, code, time.Since(began), stderr)
			}
			if strings.Contains(stderr, "geheim") || strings.Contains(stderr, host) {
				t.Errorf("%s=%s is shown: %q", c.name, c.value, stderr)
			}
		}
	}
	if n := dialled.Load(); n > 0 {
		t.Errorf("dialled %d times", n)
	}
}

// listen returns an address that breaks every connection, and counts them.
func listen(t *testing.T) (address string, dialled *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	dialled = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			dialled.Add(1)
			_ = conn.Close()
		}
	}()
	return l.Addr().String(), dialled
}

func TestHealthcheckSucceedsOnlyWhileTheProcessIsAlive(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.Path }))
	environ := []string{"DATABASE_URL=postgres://x/y", "HTTP_ADDR=" + server.Listener.Addr().String()}
	if code, _, stderr := execute(t, []string{"--healthcheck"}, environ); code != exitOK || asked != "/livez" {
		t.Errorf("alive: exit %d, asked %q, %s", code, asked, stderr)
	}
	server.Close()
	if code, _, _ := execute(t, []string{"--healthcheck"}, environ); code != exitFailed {
		t.Errorf("gone: exit %d", code)
	}
}

func TestPartsStopInReverseAndReportEveryProblem(t *testing.T) {
	var order []string
	p := &parts{log: zerolog.Nop()}
	p.close("first", func() { order = append(order, "first") })
	p.add("second", func(context.Context) error { order = append(order, "second"); return errors.New("broken") })
	p.background("third", func(ctx context.Context) error {
		<-ctx.Done()
		order = append(order, "third")
		return ctx.Err()
	})
	err := p.stop(t.Context())
	if !slices.Equal(order, []string{"third", "second", "first"}) || err == nil || !strings.Contains(err.Error(), "stop second: broken") {
		t.Fatalf("stopped %v with %v", order, err)
	}
	if err := p.stop(t.Context()); err != nil {
		t.Fatalf("a second stop: %v", err)
	}
}

func TestPartThatHangsIsReportedAndLeftBehind(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	p := &parts{log: zerolog.Nop()}
	p.close("hung", func() { <-release })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := p.stop(ctx); err == nil || !strings.Contains(err.Error(), "stop hung") {
		t.Fatalf("got %v", err)
	}
}

func TestPartThatEndsByItselfEndsTheProcess(t *testing.T) {
	failed := make(chan error, 1)
	p := &parts{log: zerolog.Nop(), fail: func(err error) { failed <- err }}
	p.background("fragile", func(context.Context) error { return errors.New("wrong topic") })
	if err := <-failed; err == nil || err.Error() != "fragile: wrong topic" {
		t.Fatalf("got %v", err)
	}
	_ = p.stop(t.Context())
}

// A script that asks tells "violated" from "not all could be read" by the status.
func TestVerifySaysByItsExitStatusWhatItFound(t *testing.T) {
	wrong, broken := []order.Finding{{Invariant: "I1"}}, errors.New("broken")
	for name, c := range map[string]struct {
		report verify.Report
		err    error
		want   int
	}{
		"all is well":                  {report: verify.Report{OK: true, Notices: wrong}, want: exitOK},
		"a violation":                  {report: verify.Report{Findings: wrong, Unread: wrong}, want: exitFailed},
		"not all was read":             {report: verify.Report{Unread: wrong}, want: exitUnread},
		"nothing was read":             {err: broken, want: exitUnread},
		"all is well, and nobody told": {report: verify.Report{OK: true}, err: broken, want: exitUnread},
		"a violation, and nobody told": {report: verify.Report{Findings: wrong}, err: broken, want: exitFailed},
	} {
		if got := exitOf(c.report, c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Nobody is to be woken for a promise that nobody has looked at.
func TestVerifyOfADatabaseThatIsAwayFindsNoViolation(t *testing.T) {
	host, dialled := listen(t)
	environ := []string{"DATABASE_URL=postgres://u@" + host + "/orders"}
	for _, args := range [][]string{{"--verify"}, {"--verify", "--json"}} {
		code, stdout, stderr := execute(t, args, environ)
		if code != exitUnread || stdout != "" {
			t.Errorf("%v ends with %d and prints %q", args, code, stdout)
		}
		if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "database is not available") {
			t.Errorf("%v says %q", args, stderr)
		}
	}
	if dialled.Load() == 0 {
		t.Error("nothing was dialled")
	}
	if code, _, _ := execute(t, []string{"--migrate"}, environ); code != exitFailed {
		t.Errorf("--migrate ends with %d", code)
	}
}
