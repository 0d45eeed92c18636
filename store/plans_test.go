package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"order-service/order"
)

// The plans of the moves are made once, here on tables that are nearly empty, and
// kept while the tables grow.
func TestMovesFindTheirRowsByIndexFromTheFirstOrderOn(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 5)
	s.at(t, p.ID, order.Confirmed)
	_, err := s.Finish(t.Context(), s.at(t, p.ID, order.PaymentPending), order.Failed, order.PaymentTimeout)
	must(t, err)
	s.EachPool(func(name string, pool *pgxpool.Pool) {
		if name != "ledger" {
			return
		}
		conn, err := pool.Acquire(t.Context())
		must(t, err)
		defer conn.Release()
		plans := explainPrepared(t, conn.Conn())
		if len(plans) < 10 {
			t.Errorf("%d plans", len(plans))
		}
		for _, plan := range plans {
			scans := strings.Count(plan, "Index Scan") + strings.Count(plan, "Index Only Scan")
			if scans != strings.Count(plan, "Index Cond") || wholeTable.MatchString(plan) {
				t.Error(plan)
			}
		}
	})
}

// wholeTable matches what reads a table, or all of it that is in some state.
var wholeTable = regexp.MustCompile(`Seq Scan|Hash Join|Merge Join|Index Cond: \(state`)

// explainPrepared returns how the connection runs each statement that it has
// prepared.
func explainPrepared(t *testing.T, conn *pgx.Conn) (plans []string) {
	t.Helper()
	type statement struct {
		Name, Text string
		Parameters int
	}
	rows, err := conn.Query(t.Context(), `
		SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements
		WHERE statement ~ 'SELECT|INSERT|UPDATE' AND statement !~ 'pg_'`, pgx.QueryExecModeExec)
	must(t, err)
	statements, err := pgx.CollectRows(rows, pgx.RowToStructByPos[statement])
	must(t, err)
	for _, st := range statements {
		nulls := strings.TrimSuffix(strings.Repeat("NULL,", st.Parameters), ",")
		rows, err := conn.Query(t.Context(), fmt.Sprintf("EXPLAIN EXECUTE %s (%s)", st.Name, nulls), pgx.QueryExecModeSimpleProtocol)
		must(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		plans = append(plans, st.Text+"\n"+strings.Join(lines, "\n"))
	}
	return plans
}
