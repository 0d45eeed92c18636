package metrics

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"order-service/order"
)

const reference = "../docs/metrics.md"

var write = flag.Bool("write", false, "write "+reference+" instead of comparing it")

// TestReferenceTellsOfEveryMetric keeps the document equal to what is
// exported. Those who test alerts and dashboards take the names from it.
func TestReferenceTellsOfEveryMetric(t *testing.T) {
	want := document(t, everything())
	if *write {
		if err := os.WriteFile(reference, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/metrics.md is not what is exported; make docs writes it anew")
	}
}

// everything is a process that exports all that there is: one that leads, and
// whose families with labels met one of each.
func everything() *Metrics {
	m := New("1.0.0")
	m.HTTP.Route("GET", "/")(200, time.Millisecond)
	m.Steps.Ran("Reserve", "done", time.Millisecond)
	m.WatchStreams(func() Streams { return Streams{} })
	m.WatchPostgres(func() PostgresPool { return PostgresPool{} })
	m.WatchRedis(func() RedisPool { return RedisPool{} })
	m.WatchKafka(func() (records, bytes int64) { return 0, 0 })
	m.WatchTail(func(context.Context) (TailLag, error) { return TailLag{}, nil })
	m.WatchChecks(func(context.Context) map[string]bool { return map[string]bool{"postgres": true} })
	m.WatchSystem(System{
		Leading: func() bool { return true },
		Overview: func(context.Context) (order.Overview, error) {
			return order.Overview{
				ByStatus: map[order.Status]int64{order.Pending: 0}, Payments: map[order.PaymentState]int64{order.PaymentReceived: 0},
			}, nil
		},
		Lag:  func(context.Context) (int64, error) { return 0, nil },
		Gate: func(context.Context) (int, error) { return 0, nil },
	})
	return m
}

func preamble() string {
	return `# Metrics

<!-- Made of metrics/ by "make docs"; change it there. -->

What ` + "`/metrics`" + ` shows on METRICS_ADDR and ADMIN_ADDR, besides the metrics of the Go runtime and of the process. Labels
are bounded: there is never an id, a user or a product.

- **process** figures are those of one process: add them up, with ` + "`sum`" + `.
- **system** figures are true of all processes together. The one that leads the upkeep exports them, and no other, so
  their cost does not grow with the replicas: take the ` + "`max`" + ` over all, and you need not know which one it is. Without a
  leader they are missing, and ` + "`max(order_service_upkeep_leader)`" + ` is 0.

The Temporal SDK adds its own, under the names of its
[reference](https://docs.temporal.io/references/sdk-metrics), without the labels that are the same on all. The alerts
and dashboards use:

` + strings.Join(items(sdkUsed()), "\n") + `

| metric | type | labels | of | what it is |
|---|---|---|---|---|
`
}

// sdkUsed are what alerts and dashboards use of the SDK's metrics.
func sdkUsed() []string {
	return []string{
		"temporal_num_pollers", "temporal_sticky_cache_size", "temporal_request_failure_total",
		"temporal_request_total", "temporal_workflow_completed_total", "temporal_workflow_failed_total",
		"temporal_workflow_task_execution_failed_total", "temporal_workflow_task_schedule_to_start_latency_seconds",
	}
}

func items(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = "- `" + name + "`"
	}
	return all
}

func document(t *testing.T, m *Metrics) []byte {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.NewBufferString(preamble())
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), namespace) {
			fmt.Fprintf(out, "| `%s` | %s | %s | %s | %s |\n",
				f.GetName(), strings.ToLower(f.GetType().String()), labels(f), of(f.GetName()), f.GetHelp())
		}
	}
	return out.Bytes()
}

func labels(f *dto.MetricFamily) string {
	var names []string
	for _, pair := range f.GetMetric()[0].GetLabel() {
		names = append(names, "`"+pair.GetName()+"`")
	}
	return strings.Join(names, ", ")
}

// of says whose figure a metric is.
func of(name string) string {
	system := []string{
		"system_readable", "orders", "oldest_pending_seconds", "oldest_reserved_seconds", "outbox_rows", "outbox_oldest_seconds", "consumer_lag",
		"payments_awaited", "payments_unsettled", "payment_received_seconds", "payment_overdue_seconds", "gate_differing_products",
		"refunding_seconds",
	}
	if slices.Contains(system, strings.TrimPrefix(name, namespace+"_")) {
		return "system"
	}
	return "process"
}
