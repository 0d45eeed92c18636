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
)

// Store reads orders, payments and ledgers.
type Store interface {
	// Audit returns what one snapshot of the database decides. Orders younger
	// than grace are in flight.
	Audit(ctx context.Context, grace, paymentTimeout time.Duration) (order.Audit, error)
	// Products returns the present ledgers, to compare with the gate again.
	Products(ctx context.Context) ([]order.Product, error)
}

// Gate reads the gate's copy of a product; false when the gate has none.
type Gate interface {
	Stock(ctx context.Context, productID string) (order.GateStock, bool, error)
}

// Workflows tells whether an order has a workflow.
type Workflows interface {
	Exists(ctx context.Context, orderID uuid.UUID) (bool, error)
}

// Deps is the system to verify.
type Deps struct {
	Audit     Store
	Gate      Gate
	Workflows Workflows
}

// Options are the allowances for what is in flight. Zero fields get the
// default that stands beside them.
type Options struct {
	Grace          time.Duration // age up to which an order may lack its event and workflow; 30 s
	PaymentTimeout time.Duration // the payment window, after which an order must end; 15 min
	Settle         time.Duration // how long the gate may take to agree with the ledger; 10 s
	Concurrency    int           // workflows looked up at once; 16
}

func (o Options) withDefaults() Options {
	o.Grace = cmp.Or(o.Grace, 30*time.Second)
	o.PaymentTimeout = cmp.Or(o.PaymentTimeout, 15*time.Minute)
	o.Settle = cmp.Or(o.Settle, 10*time.Second)
	o.Concurrency = cmp.Or(o.Concurrency, 16)
	return o
}

// Run checks every invariant once. A violation is a finding in the report; an
// error means that a part of the system could not be read and there is no
// verdict.
func Run(ctx context.Context, deps Deps, opts Options) (Report, error) {
	opts = opts.withDefaults()
	audit, err := deps.Audit.Audit(ctx, opts.Grace, opts.PaymentTimeout)
	if err != nil {
		return Report{}, fmt.Errorf("audit the database: %w", err)
	}
	orphans, err := withoutWorkflow(ctx, deps.Workflows, audit.Open, opts.Concurrency)
	if err != nil {
		return Report{}, err
	}
	disagreements, err := gateDisagreements(ctx, deps, audit.Products, opts.Settle)
	if err != nil {
		return Report{}, err
	}
	findings := slices.Concat(audit.Findings, orphans, disagreements.findings)
	checked := Checked{
		Orders: audit.Orders, Payments: audit.Payments,
		Products: len(audit.Products), Workflows: len(audit.Open),
	}
	return newReport(checked, findings, slices.Concat(audit.Notices, disagreements.notices)), nil
}

// withoutWorkflow returns a finding for each open order that no workflow
// drives: nothing would ever end it.
func withoutWorkflow(ctx context.Context, workflows Workflows, open []uuid.UUID, concurrency int) ([]order.Finding, error) {
	var mu sync.Mutex
	var findings []order.Finding
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for _, id := range open {
		group.Go(func() error {
			exists, err := workflows.Exists(ctx, id)
			if err != nil {
				return fmt.Errorf("look up the workflow of order %s: %w", id, err)
			}
			if !exists {
				mu.Lock()
				defer mu.Unlock()
				findings = append(findings, order.Finding{Invariant: "I1", Subject: id.String(), Detail: "the order is open and has no workflow"})
			}
			return nil
		})
	}
	return findings, group.Wait()
}

func sortFindings(findings []order.Finding) {
	slices.SortStableFunc(findings, func(a, b order.Finding) int {
		return cmp.Or(strings.Compare(a.Invariant, b.Invariant), strings.Compare(a.Subject, b.Subject))
	})
}
