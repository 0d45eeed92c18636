package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"order-service/order"
	"order-service/retry"
)

// Store reads orders, payments and ledgers.
type Store interface {
	// Audit returns what one snapshot of the database decides. Orders younger
	// than grace are in flight.
	Audit(ctx context.Context, grace, paymentTimeout time.Duration) (order.Audit, error)
	// Products returns the present ledgers, to compare with the gate again.
	Products(ctx context.Context) ([]order.Product, error)
	// PendingUnits returns, by product, the units of PENDING orders: those that
	// the gate holds and the ledger does not know yet.
	PendingUnits(ctx context.Context) (map[string]int64, error)
	// Order returns an order as it is now.
	Order(ctx context.Context, id uuid.UUID) (order.Order, error)
}

// Gate reads the gate's copies of products; those it does not have are missing.
type Gate interface {
	Stocks(ctx context.Context, productIDs ...string) (map[string]order.GateStock, error)
}

// Workflows tells whether a workflow drives an order now.
type Workflows interface {
	Running(ctx context.Context, orderID uuid.UUID) (bool, error)
}

// Deps is the system to verify.
type Deps struct {
	Store     Store
	Gate      Gate
	Workflows Workflows
}

const (
	grace   = 30 * time.Second // age up to which an order may lack its event and workflow
	lookUps = 16               // workflows that are looked up at once
	tries   = 3                // to look one up: of ten thousand, in mid-sale, one comes too late
)

// Options are the allowances for what is in flight. Zero fields get the
// default that stands beside them.
type Options struct {
	PaymentTimeout time.Duration // the payment window, after which an order must end; 15 min
	Settle         time.Duration // how long the gate may take to agree with the ledger; 45 s
}

func (o Options) withDefaults() Options {
	o.PaymentTimeout = cmp.Or(o.PaymentTimeout, 15*time.Minute)
	o.Settle = cmp.Or(o.Settle, 45*time.Second) // a hold whose settle was lost is reaped after 30 s to 36 s
	return o
}

// Run checks every invariant once. A violation is a finding in the report. A part
// of the system that could not be read is named there, beside what the others
// show: who is on call asks because something is away. An error means that there
// is nothing to report.
func Run(ctx context.Context, deps Deps, opts Options) (Report, error) {
	opts = opts.withDefaults()
	audit, err := deps.Store.Audit(ctx, grace, opts.PaymentTimeout)
	if err != nil {
		return Report{}, fmt.Errorf("audit the database: %w", err)
	}
	orphans, errWorkflows := orphaned(ctx, deps.Store, deps.Workflows, audit.Open)
	disagreements, errGate := gateDisagreements(ctx, deps, audit.Products, opts.Settle)
	if ctx.Err() != nil {
		return Report{}, context.Cause(ctx)
	}
	return newReport(Report{
		Checked: Checked{
			Orders: audit.Orders, Payments: audit.Payments,
			Products: len(audit.Products), Workflows: len(audit.Open),
		},
		Findings: slices.Concat(audit.Findings, withoutWorkflow(orphans), disagreements.findings),
		Notices:  slices.Concat(audit.Notices, disagreements.notices),
		Unread:   slices.Concat(unread("I1", "workflows", errWorkflows), unread("I2", "gate", errGate)),
	}), nil
}

func unread(invariant, part string, err error) []order.Finding {
	if err == nil {
		return nil
	}
	return []order.Finding{{Invariant: invariant, Subject: part, Detail: err.Error()}}
}

// orphaned returns those of the open orders that no workflow drives: nothing
// would ever end them; with an error, those that it found before. It reads only.
func orphaned(ctx context.Context, store Store, workflows Workflows, open []uuid.UUID) ([]uuid.UUID, error) {
	var mu sync.Mutex
	var orphans []uuid.UUID
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookUps)
	for _, id := range open {
		group.Go(func() error {
			orphan, err := isOrphan(ctx, store, workflows, id)
			if orphan {
				mu.Lock()
				defer mu.Unlock()
				orphans = append(orphans, id)
			}
			return err
		})
	}
	return orphans, group.Wait()
}

func withoutWorkflow(orphans []uuid.UUID) []order.Finding {
	findings := make([]order.Finding, len(orphans))
	for i, id := range orphans {
		findings[i] = order.Finding{Invariant: "I1", Subject: id.String(), Detail: "the order is open and no workflow runs for it"}
	}
	return findings
}

// isOrphan asks for the workflow first. One that ends leaves its order final,
// so an order that is open after its workflow was seen to have ended, or never
// to have begun, is an orphan; one that ended since the audit is not.
func isOrphan(ctx context.Context, store Store, workflows Workflows, id uuid.UUID) (bool, error) {
	running, err := isRunning(ctx, workflows, id)
	if err != nil {
		return false, fmt.Errorf("look up the workflow of order %s: %w", id, err)
	}
	if running {
		return false, nil
	}
	o, err := store.Order(ctx, id)
	if err != nil {
		return false, fmt.Errorf("read order %s again: %w", id, err)
	}
	return !o.Status.Final(), nil
}

func isRunning(ctx context.Context, workflows Workflows, id uuid.UUID) (running bool, err error) {
	for failures := range tries {
		if failures > 0 && !retry.Sleep(ctx, retry.Pause(failures)) {
			break
		}
		if running, err = workflows.Running(ctx, id); err == nil {
			break
		}
	}
	return running, err
}

func sortFindings(findings []order.Finding) {
	slices.SortStableFunc(findings, func(a, b order.Finding) int {
		return cmp.Or(strings.Compare(a.Invariant, b.Invariant), strings.Compare(a.Subject, b.Subject))
	})
}
