package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// system is a whole system in memory, consistent until a test breaks it.
type system struct {
	audit  order.Audit
	ledger func() []order.Product // what Products returns; nil: the audit's
	gate   map[string]order.GateStock
	absent map[uuid.UUID]bool // orders that no workflow drives
	ended  map[uuid.UUID]bool // orders that are final since the audit
	held   map[string]int64   // units of pending orders

	stocks  func() map[string]order.GateStock // what Stocks returns; nil: gate
	pending func() map[string]int64           // what PendingUnits returns; nil: held

	auditErr, productsErr, gateErr, workflowErr error

	mu            sync.Mutex
	running, most int // workflow look-ups
	late          int // of them, that fail
}

func (s *system) Audit(context.Context, time.Duration, time.Duration) (order.Audit, error) {
	return s.audit, s.auditErr
}

func (s *system) Products(context.Context) ([]order.Product, error) {
	if s.ledger != nil {
		return s.ledger(), s.productsErr
	}
	return s.audit.Products, s.productsErr
}

func (s *system) Stocks(context.Context, ...string) (map[string]order.GateStock, error) {
	if s.stocks != nil {
		return s.stocks(), s.gateErr
	}
	return s.gate, s.gateErr
}

func (s *system) PendingUnits(context.Context) (map[string]int64, error) {
	if s.pending != nil {
		return s.pending(), nil
	}
	return s.held, nil
}

func (s *system) Order(_ context.Context, id uuid.UUID) (order.Order, error) {
	if s.ended[id] {
		return order.Order{ID: id, Status: order.Cancelled}, nil
	}
	return order.Order{ID: id, Status: order.Pending}, nil
}

func (s *system) Running(_ context.Context, id uuid.UUID) (bool, error) {
	s.track(1)
	time.Sleep(time.Millisecond)
	s.track(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late > 0 {
		s.late--
		return false, errors.New("too late")
	}
	return !s.absent[id], s.workflowErr
}

func (s *system) track(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running += n
	s.most = max(s.most, s.running)
}

var openOrder = uuid.MustParse("0199c7a0-0000-7000-8000-000000000001")

func soundSystem() *system {
	return &system{
		audit: order.Audit{
			Orders: 3, Payments: 2, Open: []uuid.UUID{openOrder},
			Products: []order.Product{product("lamp", 7, 5), product("mug", 2, 0)},
		},
		gate:   map[string]order.GateStock{"lamp": {Version: 7, Available: 5}, "mug": {Version: 2}},
		absent: map[uuid.UUID]bool{},
	}
}

func product(id string, version, available int64) order.Product {
	return order.Product{ID: id, Version: version, Ledger: order.Ledger{Total: 10, Available: available}}
}

// run verifies s on a fake clock, so that waiting for the gate costs no time.
func run(t *testing.T, s *system) (report Report, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		report, err = Run(t.Context(), Deps{Store: s, Gate: s, Workflows: s}, Options{})
	})
	return report, err
}

func TestSoundSystemIsOK(t *testing.T) {
	t.Parallel()
	r, err := run(t, soundSystem())
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK || len(r.Findings)+len(r.Notices) > 0 {
		t.Errorf("got %+v", r)
	}
	if want := (Checked{Orders: 3, Payments: 2, Products: 2, Workflows: 1}); r.Checked != want {
		t.Errorf("checked %+v, want %+v", r.Checked, want)
	}
	if text := r.String(); strings.Count(text, " ok ") != 4 || strings.Contains(text, "FAIL") {
		t.Errorf("text:\n%s", text)
	}
	if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"ok":true`) || !strings.Contains(string(data), `"findings":[],"notices":[],"unread":[]`) {
		t.Errorf("JSON %s, %v", data, err)
	}
}

func TestEachViolationIsAFindingThatNamesItsSubject(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken             func(*system)
		invariant, subject string
	}{
		"stuck order":      {audited("I1", "order-1"), "I1", "order-1"},
		"ledger sum":       {audited("I2", "lamp"), "I2", "lamp"},
		"payment":          {audited("I3", "pay-1"), "I3", "pay-1"},
		"gap":              {audited("I4", "order-2"), "I4", "order-2"},
		"no workflow":      {func(s *system) { s.absent[openOrder] = true }, "I1", openOrder.String()},
		"absent in gate":   {func(s *system) { delete(s.gate, "mug") }, "I2", "mug"},
		"gate behind":      {func(s *system) { s.gate["lamp"] = order.GateStock{Version: 6, Available: 5} }, "I2", "lamp"},
		"gate ahead":       {func(s *system) { s.gate["lamp"] = order.GateStock{Version: 8, Available: 5} }, "I2", "lamp"},
		"other available":  {func(s *system) { s.gate["lamp"] = order.GateStock{Version: 7, Available: 6} }, "I2", "lamp"},
		"hold without end": {func(s *system) { s.gate["lamp"] = order.GateStock{Version: 7, Available: 5, Held: 1} }, "I2", "lamp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := soundSystem()
			c.broken(s)
			r, err := run(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if r.OK || len(r.Findings) != 1 || r.Findings[0].Invariant != c.invariant || r.Findings[0].Subject != c.subject {
				t.Errorf("got %+v, want one finding of %s about %s", r, c.invariant, c.subject)
			}
			if text := r.String(); !strings.Contains(text, c.invariant+" FAIL") || !strings.Contains(text, c.subject) || strings.Count(text, " ok ") != 3 {
				t.Errorf("text:\n%s", text)
			}
		})
	}
}

// Its workflow had ended with it, which is as it should be.
func TestOrderThatEndedSinceTheAuditIsNoOrphan(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	s.absent[openOrder], s.ended = true, map[uuid.UUID]bool{openOrder: true}
	if r, err := run(t, s); err != nil || !r.OK {
		t.Errorf("%v\n%s", err, r)
	}
}

// With the workers away, accepted orders keep their holds for as long as it
// lasts, and nothing is wrong.
func TestHoldsOfPendingOrdersAreNoLeak(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	s.held = map[string]int64{"lamp": 3}
	for held, ok := range map[int64]bool{0: true, 3: true, 4: false} {
		s.gate["lamp"] = order.GateStock{Version: 7, Available: 5, Held: held}
		if r, err := run(t, s); err != nil || r.OK != ok {
			t.Errorf("%d held: %v\n%s", held, err, r)
		}
	}
}

// It takes the reaper up to 36 s to end a hold whose settle was lost.
func TestHoldThatTheReaperEndsIsNoLeak(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	s.gate["lamp"] = order.GateStock{Version: 7, Available: 5, Held: 1}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s.ledger = func() []order.Product {
			if time.Since(began) > 36*time.Second {
				s.gate["lamp"] = order.GateStock{Version: 7, Available: 5}
			}
			return s.audit.Products
		}
		if r, err := Run(t.Context(), Deps{Store: s, Gate: s, Workflows: s}, Options{}); err != nil || !r.OK {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// While workers or Temporal are away, orders come and no version moves.
func TestHoldsAreJudgedOnceNoOrdersCome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lasts    time.Duration // orders come for so long
		version  int64         // of the gate; the ledger's is 7
		findings int
	}{
		"a sale that goes on":                {lasts: time.Hour, version: 7},
		"a sale that has just ended":         {lasts: 43 * time.Second, version: 7},
		"a quiet shop":                       {version: 7, findings: 1},
		"a sale that ended in time":          {lasts: 40 * time.Second, version: 7, findings: 1},
		"a gate that is behind, in mid-sale": {lasts: time.Hour, version: 6, findings: 1},
		"a gate that is behind, and no sale": {version: 6, findings: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := soundSystem()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				n := func() int64 { return 100 + int64(min(time.Since(began), c.lasts)/(100*time.Millisecond)) }
				s.pending = func() map[string]int64 { return map[string]int64{"lamp": n() - 10} }
				s.stocks = func() map[string]order.GateStock {
					return map[string]order.GateStock{"lamp": {Version: c.version, Available: 5, Held: n()}, "mug": {Version: 2}}
				}
				r, err := Run(t.Context(), Deps{Store: s, Gate: s, Workflows: s}, Options{})
				if err != nil || len(r.Findings) != c.findings || len(r.Notices) != 1-c.findings {
					t.Errorf("%v\n%s", err, r)
				}
			})
		})
	}
}

func TestOrdersThatComeWhileTheGateIsComparedAreNoLeak(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	var n int64
	s.pending = func() map[string]int64 { n++; return map[string]int64{"lamp": n} }
	s.stocks = func() map[string]order.GateStock {
		n++
		return map[string]order.GateStock{"lamp": {Version: 7, Available: 5, Held: n}, "mug": {Version: 2}}
	}
	if r, err := run(t, s); err != nil || !r.OK || len(r.Notices) > 0 || n > 2 {
		t.Errorf("%d reads, %v\n%s", n, err, r)
	}
}

func audited(invariant, subject string) func(*system) {
	return func(s *system) {
		s.audit.Findings = []order.Finding{{Invariant: invariant, Subject: subject, Detail: "is wrong"}}
	}
}

func TestNoticesDoNotFail(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	s.audit.Notices = []order.Finding{{Invariant: "I3", Subject: "pay-9", Detail: "MISMATCH"}}
	r, err := run(t, s)
	if err != nil || !r.OK || !strings.Contains(r.String(), "pay-9: MISMATCH") {
		t.Errorf("%v\n%s", err, r)
	}
}

func TestGateThatCatchesUpInTimeIsOK(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	s.gate["lamp"] = order.GateStock{Version: 6, Available: 4, Held: 2}
	delete(s.gate, "mug")
	looks := 0
	s.ledger = func() []order.Product {
		if looks++; looks == 20 {
			s.gate["lamp"] = order.GateStock{Version: 9, Available: 3}
			s.gate["mug"] = order.GateStock{Version: 2}
		}
		return []order.Product{product("lamp", 9, 3), product("mug", 2, 0), product("new", 1, 1)}
	}
	if r, err := run(t, s); err != nil || !r.OK || len(r.Notices) > 0 {
		t.Errorf("%v\n%s", err, r)
	}
}

func TestLedgerThatNeverRestsIsANotice(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	version := int64(7)
	s.gate["lamp"] = order.GateStock{Version: 7, Available: 5, Held: 3}
	s.ledger = func() []order.Product {
		version++
		return []order.Product{product("lamp", version, 5)}
	}
	if r, err := run(t, s); err != nil || !r.OK || len(r.Notices) != 1 || r.Notices[0].Subject != "lamp" {
		t.Errorf("%v\n%s", err, r)
	}
}

func TestGateThatDisagreesAfterTheLedgerRestedIsAFinding(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	version := int64(7)
	s.gate["lamp"] = order.GateStock{Version: 7, Available: 5, Held: 3}
	s.ledger = func() []order.Product {
		version = min(version+1, 20)
		return []order.Product{product("lamp", version, 5)}
	}
	if r, err := run(t, s); err != nil || r.OK || len(r.Findings) != 1 {
		t.Errorf("%v\n%s", err, r)
	}
}

func TestNothingIsReportedWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	s.auditErr = errors.New("down")
	if r, err := run(t, s); !errors.Is(err, s.auditErr) || r.OK {
		t.Errorf("got %+v, %v", r, err)
	}
}

// Who is on call asks because something is away, and needs what the rest shows.
func TestAPartThatCannotBeReadHidesNothingElse(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, c := range map[string]struct {
		breakIt         func(*system)
		invariant, part string
	}{
		"gate":           {func(s *system) { s.gateErr = down }, "I2", "gate"},
		"workflows":      {func(s *system) { s.workflowErr = down }, "I1", "workflows"},
		"database later": {func(s *system) { s.productsErr = down; delete(s.gate, "mug") }, "I2", "gate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := soundSystem()
			c.breakIt(s)
			r, err := run(t, s)
			if err != nil || r.OK || len(r.Findings) != 0 || len(r.Unread) != 1 {
				t.Fatalf("got %+v, %v; want one part that was not read", r, err)
			}
			if u := r.Unread[0]; u.Invariant != c.invariant || u.Subject != c.part || !strings.Contains(u.Detail, "down") {
				t.Errorf("not read: %+v", u)
			}
			if text := r.String(); !strings.Contains(text, c.invariant+" ? ") || strings.Count(text, " ok ") != 3 {
				t.Errorf("text:\n%s", text)
			}
			audited("I3", "pay-1")(s)
			if r, err = run(t, s); err != nil || len(r.Findings) != 1 || !strings.Contains(r.String(), "I3 FAIL") {
				t.Errorf("got %+v, %v; want the payment as well", r, err)
			}
		})
	}
}

func TestCancelledContextEndsTheWait(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	delete(s.gate, "mug")
	ctx, cancel := context.WithCancel(t.Context())
	s.ledger = func() []order.Product { cancel(); return s.audit.Products }
	if _, err := Run(ctx, Deps{Store: s, Gate: s, Workflows: s}, Options{Settle: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWorkflowLookUpsAreBounded(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	for range 200 {
		s.audit.Open = append(s.audit.Open, uuid.New())
	}
	if _, err := run(t, s); err != nil || s.most > 16 || s.most < 2 {
		t.Errorf("%d look-ups at once, %v", s.most, err)
	}
}

// One that Temporal, busy with the sale, did not answer in time is no reason to
// have looked at the others in vain.
func TestWorkflowIsLookedUpAgainBeforeThereIsNoVerdict(t *testing.T) {
	t.Parallel()
	s := soundSystem()
	s.audit.Open, s.late = []uuid.UUID{uuid.New()}, tries-1
	if r, err := run(t, s); err != nil || !r.OK {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestTextListsABoundedNumberInOrder(t *testing.T) {
	t.Parallel()
	var findings []order.Finding
	for i := range 70 {
		findings = append(findings, order.Finding{Invariant: "I3", Subject: fmt.Sprintf("pay-%02d", 69-i), Detail: "unapplied"})
	}
	findings = append(findings, order.Finding{Invariant: "I1", Subject: "order-1", Detail: "stuck"})
	r := newReport(Report{Findings: slices.Clone(findings)})
	text := r.String()
	first, last := strings.Index(text, "order-1"), strings.Index(text, "pay-48")
	if first < 0 || last < first || strings.Contains(text, "pay-49") || !strings.Contains(text, "… and 21 more") || !strings.Contains(text, ", 70 findings") {
		t.Errorf("text:\n%s", text)
	}
	var back Report
	if data, err := json.Marshal(r); err != nil || json.Unmarshal(data, &back) != nil || len(back.Findings) != 71 {
		t.Errorf("JSON has %d findings, %v", len(back.Findings), err)
	}
}
