package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"order-service/order"
)

// maxFindings bounds what one check reports: a broken ledger may break every
// order, and nobody reads a million lines.
const maxFindings = 100

// finalGrace is what an order may take beyond its payment window to end.
const finalGrace = 60 * time.Second

// Audit reports what the database alone can tell about the invariants, as of
// one instant and by the database's clock. Orders and payments younger than
// grace may be on their way; an order must be final within paymentTimeout and a
// minute. Each check reports at most 100 findings.
func (s *Store) Audit(ctx context.Context, grace, paymentTimeout time.Duration) (order.Audit, error) {
	args := auditArgs(grace, paymentTimeout)
	var a order.Audit
	ctx = within(ctx, auditTimeout)
	err := s.transact(ctx, snapshot, func(tx pgx.Tx) (err error) {
		if a.Findings, err = runChecks(ctx, tx, violations(), args); err != nil {
			return err
		}
		if a.Notices, err = runChecks(ctx, tx, notices(), args); err != nil {
			return err
		}
		return readAudited(ctx, tx, args, &a)
	})
	return a, dbError("audit", err)
}

// auditArgs also carries the legal moves, so that they are written in one
// place, order.Status.
func auditArgs(grace, paymentTimeout time.Duration) pgx.NamedArgs {
	var from, to []string
	for _, next := range order.Statuses() {
		for _, previous := range next.Previous() {
			from, to = append(from, string(previous)), append(to, string(next))
		}
	}
	return pgx.NamedArgs{
		"grace": grace, "to_final": paymentTimeout, "to_end": finalGrace + grace,
		"legal_from": from, "legal_to": to,
	}
}

func runChecks(ctx context.Context, tx pgx.Tx, checks []check, args pgx.NamedArgs) ([]order.Finding, error) {
	var all []order.Finding
	for _, c := range checks {
		found, err := c.run(ctx, tx, args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.detail, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c check) run(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) ([]order.Finding, error) {
	rows, err := tx.Query(ctx, c.sql, args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []order.Finding
	for len(found) < maxFindings && rows.Next() {
		var subject, about string
		if err := rows.Scan(&subject, &about); err != nil {
			return nil, err
		}
		found = append(found, order.Finding{Invariant: c.invariant, Subject: subject, Detail: c.detail + ": " + about})
	}
	rows.Close()
	return found, rows.Err()
}

// PendingUnits returns the units of PENDING orders by product.
func (s *Store) PendingUnits(ctx context.Context) (map[string]int64, error) {
	rows, _ := s.pool.Query(within(ctx, auditTimeout), `
		SELECT product_id, sum(quantity)::bigint FROM orders WHERE status = 'PENDING' GROUP BY product_id`)
	units := map[string]int64{}
	var (
		product string
		pending int64
	)
	_, err := pgx.ForEachRow(rows, []any{&product, &pending}, func() error {
		units[product] = pending
		return nil
	})
	return units, dbError("read pending units", err)
}

// readAudited reads what the caller compares with other systems.
func readAudited(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, a *order.Audit) error {
	rows, _ := tx.Query(ctx, `SELECT `+productColumns+` FROM products ORDER BY product_id`)
	products, err := pgx.CollectRows(rows, scanProduct)
	if err != nil {
		return err
	}
	rows, _ = tx.Query(ctx, `
		SELECT order_id FROM orders
		WHERE status IN ('PENDING', 'INVENTORY_RESERVED', 'PAYMENT_PENDING') AND created_at < now() - @grace::interval
		ORDER BY order_id`, args)
	open, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	a.Products, a.Open = products, open
	return tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM payments)`).Scan(&a.Orders, &a.Payments)
}
