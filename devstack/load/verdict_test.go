package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// TestVerdictOfARealService has few orders, for the workers to be done soon.
func TestVerdictOfARealService(t *testing.T) {
	base, binary := startService(t, "all")
	var out, errs bytes.Buffer
	var code int
	for tries, missed := 0, true; missed && tries < 5; tries++ { // the workers of a busy machine look like none
		out.Reset()
		errs.Reset()
		code = run(t.Context(), []string{
			"accept", "--url", base, "--rate=50", "--duration=500ms", "--buyers=10", "--connections=10",
			"--verify=full", "--binary", binary, "--settle=50s",
		}, os.Getenv, &out, &errs)
		missed = strings.Contains(errs.String(), "does a worker run?")
	}
	if code != exitOK && code != exitVoid {
		t.Fatalf("exit status %d\n%s%s", code, out.String(), errs.String())
	}
	for _, want := range []string{"nothing lost", "nothing oversold", "order-service --verify"} {
		if !strings.Contains(out.String(), "ok       "+want) {
			t.Errorf("%q is not said:\n%s", want, out.String())
		}
	}
}

// sold has a stampede for 20 units sold by a service without workers.
func sold(t *testing.T, more ...string) *session {
	t.Helper()
	base, _ := startService(t, "api")
	opts, err := parse(append([]string{"stampede", "--url", base, "--units=20", "--buyers=40", "--within=200ms", "--connections=10"}, more...))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSession(opts, os.Getenv, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.sell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.receipts.len() != 20 {
		t.Fatalf("%d receipts for 20 units", s.receipts.len())
	}
	return s
}

// judge returns the failures that the verdict has.
func judge(t *testing.T, s *session) verdict {
	t.Helper()
	v, err := s.verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBrokenPromisesAreFound(t *testing.T) {
	s := sold(t, "--verify=intake")
	if v := judge(t, s); len(v.Failures) > 0 || v.Intake.Answered != 20 || v.Intake.Units != 20 {
		t.Fatalf("before anything is broken: %+v", v)
	}
	database := os.Getenv("DATABASE_URL")
	all := s.receipts.sorted()
	execute(t, database, `UPDATE orders SET user_id = 'somebody' WHERE order_id = $1`, all[7].order)
	if v := judge(t, s); v.Intake.Missing != 1 || v.Intake.Lost[0].FoundOf != "somebody" {
		t.Errorf("another buyer's: %+v", v.Intake)
	}
	execute(t, database, `DELETE FROM orders WHERE order_id = $1`, all[3].order)
	v := judge(t, s)
	if v.Intake.Missing != 2 || !strings.Contains(strings.Join(v.Failures, "\n"), all[3].order.String()) {
		t.Errorf("lost: %+v", v)
	}
	if r := (report{Verdict: v}); r.exitCode() != exitFailed || !strings.Contains(r.String(), "FAILED") {
		t.Errorf("exit status %d\n%s", r.exitCode(), r)
	}
	execute(t, database, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, created_at, updated_at)
		SELECT gen_random_uuid(), 'nobody', product_id, quantity, unit_price, amount, currency, created_at, updated_at
		FROM orders WHERE product_id = $1`, s.product.ID)
	// On a busy machine some were answered 503, may have rows, and so explain as many.
	if got := strings.Join(judge(t, s).Failures, "\n"); !strings.Contains(got, "38 units were accepted of 20") {
		t.Errorf("orders that nobody placed: %s", got)
	}
}

func TestOrdersWithoutAWorkerAreNotWaitedForLong(t *testing.T) {
	s := sold(t)
	begun := time.Now()
	v := judge(t, s)
	if len(v.Failures) > 0 || len(v.Skipped) != 1 || !strings.Contains(v.Skipped[0], "does a worker run?") {
		t.Errorf("%+v; want that the worker is missed", v)
	}
	if took := time.Since(begun); took > stuckFor+30*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := s.verify(ctx); err != nil || v.Intake == nil || len(v.Skipped) != 1 {
		t.Errorf("after an interruption: %+v, %v; want the intake checked all the same", v, err)
	}
}

// A table that took minutes to measure must not be lost with the verdict.
func TestWithoutAVerdictTheTableIsPrinted(t *testing.T) {
	s := newFakeShop(t)
	nowhere := environment("JWT_SECRET", "a secret", "DATABASE_URL", "postgres://127.0.0.1:1/none")
	code, stdout, stderr := s.load(t, nowhere, "accept", "--duration=50ms")
	if code != exitFailed || !strings.Contains(stdout, "accepted") || !strings.Contains(stderr, "DATABASE_URL") {
		t.Errorf("exit status %d\n%s%s", code, stdout, stderr)
	}
}

func TestFindingsOfTheServiceAreListed(t *testing.T) {
	finding := order.Finding{Invariant: "I2", Subject: "sneaker", Detail: "the ledger does not add up"}
	r := report{Verdict: verdict{System: &system{Findings: slices.Repeat([]order.Finding{finding}, 99)}}}
	if got := strings.Count(r.String(), "I2  sneaker: the ledger does not add up"); got != maxListed {
		t.Errorf("%d findings are listed, want %d", got, maxListed)
	}
}

func TestVerificationThatIsAskedForNeedsADatabase(t *testing.T) {
	s := newFakeShop(t)
	code, _, stderr := s.load(t, minting, "accept", "--duration=50ms", "--verify=intake")
	if code != exitUsage || !strings.Contains(stderr, "DATABASE_URL") {
		t.Errorf("exit status %d: %s", code, stderr)
	}
	if r := s.report(t, minting, "accept", "--duration=50ms"); len(r.Verdict.Skipped) != 1 {
		t.Errorf("%+v; want it said that nothing was verified", r.Verdict)
	}
}

func TestFailuresOfTheIntakeAreTold(t *testing.T) {
	fine := intake{Answered: 5, Rows: 6, Unknown: 1, Units: 6, Stock: 10}
	if got := fine.failures(); len(got) > 0 {
		t.Errorf("an order that may have been accepted: %q", got)
	}
	for want, in := range map[string]intake{
		"are lost":               {Missing: 1, Lost: []lostOrder{{OrderID: uuid.NewString()}}},
		"two buyers":             {Repeated: 1, Answered: 2, Rows: 1, Stock: 1},
		"no order id":            {nameless: 1},
		"6 orders have":          {Answered: 5, Rows: 6, Units: 6, Stock: 10},
		"12 units were accepted": {Answered: 12, Rows: 12, Units: 12, Stock: 10},
	} {
		if got := in.failures(); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
