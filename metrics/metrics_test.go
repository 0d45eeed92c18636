package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"order-service/order"
)

// scrape is what Prometheus would get.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// want checks that a scrape has these lines.
func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	got := strings.Split(text, "\n")
	for _, line := range lines {
		if !slices.Contains(got, line) {
			name, _, _ := strings.Cut(line, "{")
			t.Errorf("no line %s\namong\n%s", line, about(got, name))
		}
	}
}

func about(lines []string, name string) string {
	name, _, _ = strings.Cut(name, " ")
	return strings.Join(slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasPrefix(line, name) }), "\n")
}

func TestScrapeHasVersionRuntimeAndProcess(t *testing.T) {
	text := scrape(t, New("v1.2.3"))
	want(t, text, `order_service_build_info{version="v1.2.3"} 1`)
	for _, name := range []string{"go_goroutines ", "process_resident_memory_bytes "} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}

func TestRequestsAreCountedByRouteAndStatus(t *testing.T) {
	m := New("test")
	get := m.HTTP.Route("GET", "/orders/:id")
	get(200, 3*time.Millisecond)
	get(200, 40*time.Second)
	get(404, time.Millisecond)
	want(t, scrape(t, m),
		`order_service_http_requests_total{method="GET",route="/orders/:id",status="200"} 2`,
		`order_service_http_requests_total{method="GET",route="/orders/:id",status="404"} 1`,
		`order_service_http_request_duration_seconds_bucket{method="GET",route="/orders/:id",le="0.001"} 1`,
		`order_service_http_request_duration_seconds_bucket{method="GET",route="/orders/:id",le="0.005"} 2`,
		`order_service_http_request_duration_seconds_bucket{method="GET",route="/orders/:id",le="30"} 2`,
		`order_service_http_request_duration_seconds_bucket{method="GET",route="/orders/:id",le="+Inf"} 3`,
		`order_service_http_request_duration_seconds_sum{method="GET",route="/orders/:id"} 40.004`,
	)
}

func TestConcurrentReportsAreAllCounted(t *testing.T) {
	const reporters, each = 8, 1000
	m := New("test")
	get := m.HTTP.Route("GET", "/")
	var reporting sync.WaitGroup
	for i := range reporters {
		reporting.Go(func() {
			for range each {
				get(200+i, time.Millisecond)
				m.Intake.Ordered("", time.Millisecond, "")
				m.Intake.Ordered(order.CodeSoldOut, time.Millisecond, "")
			}
		})
	}
	reporting.Wait()
	text := scrape(t, m)
	for i := range reporters {
		want(t, text, fmt.Sprintf(`order_service_http_requests_total{method="GET",route="/",status="%d"} %d`, 200+i, each))
	}
	want(t, text,
		`order_service_http_request_duration_seconds_count{method="GET",route="/"} 8000`,
		`order_service_intake_results_total{code="accepted"} 8000`,
		`order_service_intake_results_total{code="sold-out"} 8000`,
		`order_service_intake_duration_seconds_count{stage="total"} 8000`,
	)
}

func TestIntakeShowsStagesRefusalsAndGateResults(t *testing.T) {
	m := New("test")
	m.Intake.Held("", false, 2*time.Millisecond)
	m.Intake.Held("", true, time.Millisecond)
	m.Intake.Held(order.CodeSoldOut, false, time.Millisecond)
	m.Intake.IntakeWaited(time.Millisecond)
	m.Intake.IntakeBatch(3, 5*time.Millisecond)
	m.Intake.Ordered("", 10*time.Millisecond, "")
	m.Intake.Ordered(order.CodeSoldOut, time.Millisecond, "")
	m.Intake.Ordered("made-up", time.Millisecond, "")
	m.Batches.Gate(4, time.Millisecond)
	want(t, scrape(t, m),
		`order_service_gate_results_total{code="held"} 1`,
		`order_service_gate_results_total{code="seen"} 1`,
		`order_service_gate_results_total{code="sold-out"} 1`,
		`order_service_gate_results_total{code="unavailable"} 0`,
		`order_service_intake_results_total{code="accepted"} 1`,
		`order_service_intake_results_total{code="sold-out"} 1`,
		`order_service_intake_results_total{code="made-up"} 1`,
		`order_service_intake_results_total{code="overloaded"} 0`,
		`order_service_intake_duration_seconds_sum{stage="gate"} 0.004`,
		`order_service_intake_duration_seconds_sum{stage="queue"} 0.001`,
		`order_service_intake_duration_seconds_sum{stage="commit"} 0.005`,
		`order_service_intake_duration_seconds_sum{stage="total"} 0.01`,
		`order_service_batch_size_bucket{batcher="intake",le="4"} 1`,
		`order_service_batch_size_sum{batcher="intake"} 3`,
		`order_service_batch_size_sum{batcher="gate"} 4`,
	)
}

func TestSampleReadsWhatIsScraped(t *testing.T) {
	m := New("test")
	m.Intake.Ordered("", 700*time.Microsecond, "")
	m.Intake.Ordered("", time.Minute, "")
	m.Intake.Ordered(order.CodeOverloaded, time.Millisecond, "")
	s := m.Intake.Sample()
	if len(s.Accepted) != len(s.Bounds)+1 || s.Accepted[2] != 1 || s.Accepted[len(s.Bounds)] != 1 || s.Refused[order.CodeOverloaded] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestOrdersPaymentsAndTheirWayThroughKafkaAreCounted(t *testing.T) {
	m := New("test")
	m.Orders.OrderMoved(order.Confirmed)
	m.Orders.PaymentMoved(order.PaymentApplied)
	m.Orders.MoveBatch(7, time.Millisecond)
	m.Bus.Published(5, time.Millisecond, nil)
	m.Bus.Published(5, time.Millisecond, errors.New("no broker"))
	m.Bus.SagaStarted(time.Millisecond, nil)
	m.Bus.SagaStarted(time.Millisecond, errors.New("no server"))
	m.Bus.SagaStarted(time.Millisecond, order.Errorf(order.CodeValidation, "Bad."))
	m.Bus.DeadLettered()
	m.Bus.ProduceRequest(4096)
	m.Bus.ProduceBatch(12)
	m.Bus.ProduceBatch(30)
	m.Bus.Told(order.PaymentPending, 300*time.Millisecond)
	m.Bus.Tailed(4 * time.Millisecond)
	m.Bus.Tailed(-time.Millisecond) // a clock that is a little behind
	m.Bus.Connected(nil)
	m.Bus.Connected(errors.New("refused"))
	m.Bus.Requested("produce", 3*time.Millisecond, nil)
	m.Bus.Requested("fetch", time.Second, errors.New("cut off"))
	m.Bus.Throttled(1500 * time.Millisecond)
	m.Steps.Ran("Reserve", "done", time.Millisecond)
	want(t, scrape(t, m),
		`order_service_order_moves_total{to="CONFIRMED"} 1`,
		`order_service_order_moves_total{to="FAILED"} 0`,
		`order_service_payment_moves_total{to="APPLIED"} 1`,
		`order_service_payment_moves_total{to="MISMATCH"} 0`,
		`order_service_batch_size_sum{batcher="moves"} 7`,
		`order_service_relay_batches_total{result="published"} 1`,
		`order_service_relay_batches_total{result="failed"} 1`,
		`order_service_relay_orders_total 5`,
		`order_service_saga_starts_total{result="started"} 1`,
		`order_service_saga_starts_total{result="retried"} 1`,
		`order_service_saga_starts_total{result="refused"} 1`,
		`order_service_dead_letters_total 1`,
		`order_service_kafka_produce_requests_total 1`,
		`order_service_kafka_produce_bytes_total 4096`,
		`order_service_kafka_produce_batches_total 2`,
		`order_service_kafka_produce_records_total 42`,
		`order_service_order_progress_seconds_bucket{status="PAYMENT_PENDING",le="0.25"} 0`,
		`order_service_order_progress_seconds_bucket{status="PAYMENT_PENDING",le="0.5"} 1`,
		`order_service_order_progress_seconds_count{status="CONFIRMED"} 0`,
		`order_service_tail_delay_seconds_count 2`,
		`order_service_tail_delay_seconds_sum 0.004`,
		`order_service_kafka_connects_total{result="connected"} 1`,
		`order_service_kafka_connects_total{result="failed"} 1`,
		`order_service_kafka_request_duration_seconds_sum{request="produce"} 0.003`,
		`order_service_kafka_request_duration_seconds_count{request="fetch"} 0`,
		`order_service_kafka_request_errors_total{request="fetch"} 1`,
		`order_service_kafka_throttled_seconds_total 1.5`,
		`order_service_saga_steps_total{activity="Reserve",result="done"} 1`,
		`order_service_saga_step_duration_seconds_sum{activity="Reserve"} 0.001`,
	)
}

func TestWhatIsDrivenOnShowsAsARise(t *testing.T) {
	m := New("test")
	want(t, scrape(t, m),
		`order_service_repaired_total{what="order"} 0`,
		`order_service_repaired_total{what="payment"} 0`,
		`order_service_repaired_total{what="refund"} 0`,
	)
	m.Repairs.OrderRestarted()
	m.Repairs.PaymentToldAgain()
	m.Repairs.PaymentToldAgain()
	m.Repairs.RefundStarted()
	want(t, scrape(t, m),
		`order_service_repaired_total{what="order"} 1`,
		`order_service_repaired_total{what="payment"} 2`,
		`order_service_repaired_total{what="refund"} 1`,
	)
}

func TestMetricsOfTheTemporalSDKKeepTheirNamesAndLabels(t *testing.T) {
	m := New("test")
	root := map[string]string{"namespace": "default", "client_name": "temporal_go", "task_queue": "none"}
	m.SDK.Counter("temporal_request", root)(2)
	m.SDK.Counter("temporal_request", root)(1)
	m.SDK.Counter("temporal_request", map[string]string{"operation": "StartWorkflowExecution"})(1)
	m.SDK.Counter("temporal_local_activity_total", root)(1)
	m.SDK.Gauge("temporal_sticky_cache_size", root)(7)
	m.SDK.Gauge("temporal_sticky_cache_size", root)(5)
	m.SDK.Timer("temporal_request_latency", root)(30 * time.Millisecond)
	want(t, scrape(t, m),
		`temporal_request_total 3`,
		`temporal_request_total{operation="StartWorkflowExecution"} 1`,
		`temporal_local_activity_total 1`,
		`temporal_sticky_cache_size 5`,
		`temporal_request_latency_seconds_bucket{le="0.05"} 1`,
		`temporal_request_latency_seconds_sum 0.03`,
	)
}

// The SDK asks for its metrics anew with every request, task and poll.
func TestAKnownMetricOfTheTemporalSDKCostsNoMap(t *testing.T) {
	m := New("test")
	labels := map[string]string{"namespace": "default", "operation": "StartWorkflowExecution", "task_queue": "q", "workflow_type": "OrderWorkflow"}
	m.SDK.Counter("temporal_request", labels)(1)
	// The name with its ending, and what adds to the counter.
	if n := testing.AllocsPerRun(100, func() { m.SDK.Counter("temporal_request", labels)(1) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func TestPoolsAndStreamsAreReadAtTheScrape(t *testing.T) {
	m := New("test")
	m.WatchStreams(func() Streams { return Streams{Streams: 3, Sent: 20, Dropped: 1} })
	m.WatchPostgres(func() PostgresPool { return PostgresPool{Open: 5, InUse: 2, Max: 20, Waits: 9, Waited: time.Second} })
	m.WatchRedis(func() RedisPool { return RedisPool{Open: 4, Idle: 3, Timeouts: 2} })
	want(t, scrape(t, m),
		`order_service_sse_streams 3`, `order_service_sse_events_total 20`, `order_service_sse_dropped_total 1`,
		`order_service_postgres_connections 5`, `order_service_postgres_connections_in_use 2`, `order_service_postgres_connections_max 20`,
		`order_service_postgres_waits_total 9`, `order_service_postgres_waited_seconds_total 1`,
		`order_service_redis_connections 4`, `order_service_redis_connections_idle 3`, `order_service_redis_timeouts_total 2`,
	)
}

func TestProcessSaysWhatItReachesAndHowFarItsTailIs(t *testing.T) {
	m := New("test")
	away := error(nil)
	m.WatchKafka(func() (records, bytes int64) { return 7, 900 })
	m.WatchChecks(func(context.Context) map[string]bool { return map[string]bool{"redis": true, "tail": false} })
	m.WatchTail(func(context.Context) (TailLag, error) { return TailLag{Events: 3, Since: 2 * time.Second}, away })
	want(t, scrape(t, m),
		`order_service_kafka_buffered_records 7`, `order_service_kafka_buffered_bytes 900`,
		`order_service_check{check="redis"} 1`, `order_service_check{check="tail"} 0`,
		`order_service_tail_behind_events 3`, `order_service_tail_behind_seconds 2`,
	)
	away = errors.New("not placed")
	if text := scrape(t, m); strings.Contains(text, "order_service_tail_behind") {
		t.Error("a distance that is not known is exported")
	}
}

func TestOnlyTheLeaderExportsTheSystem(t *testing.T) {
	m := New("test")
	leading, away := false, error(nil)
	m.WatchSystem(System{
		Leading: func() bool { return leading },
		Overview: func(context.Context) (order.Overview, error) {
			return order.Overview{
				ByStatus: map[order.Status]int64{order.Confirmed: 9}, OldestPending: 2 * time.Second, ReservedFor: 8 * time.Second, OutboxRows: 4, OutboxAge: 3 * time.Second,
				Awaited: 6, Payments: map[order.PaymentState]int64{order.PaymentRefunding: 1}, RefundingFor: time.Minute,
				ReceivedFor: 5 * time.Second, OverdueFor: 7 * time.Second,
			}, nil
		},
		Lag:  func(context.Context) (int64, error) { return 12, away },
		Gate: func(context.Context) (int, error) { return 2, nil },
	})
	text := scrape(t, m)
	want(t, text, `order_service_upkeep_leader 0`)
	if strings.Contains(text, "order_service_orders{") || strings.Contains(text, "order_service_consumer_lag") {
		t.Error("a follower exports the system")
	}
	leading = true
	want(t, scrape(t, m),
		`order_service_upkeep_leader 1`, `order_service_orders{status="CONFIRMED"} 9`, `order_service_oldest_pending_seconds 2`,
		`order_service_oldest_reserved_seconds 8`,
		`order_service_outbox_rows 4`, `order_service_outbox_oldest_seconds 3`, `order_service_payments_awaited 6`,
		`order_service_payments_unsettled{state="REFUNDING"} 1`, `order_service_refunding_seconds 60`, `order_service_consumer_lag 12`,
		`order_service_payment_received_seconds 5`, `order_service_payment_overdue_seconds 7`, `order_service_gate_differing_products 2`,
		`order_service_system_readable{backend="kafka"} 1`, `order_service_system_readable{backend="postgres"} 1`,
		`order_service_system_readable{backend="redis"} 1`,
	)
	away = errors.New("no broker")
	text = scrape(t, m)
	want(t, text, `order_service_system_readable{backend="kafka"} 0`, `order_service_outbox_rows 4`)
	if strings.Contains(text, "order_service_consumer_lag") {
		t.Error("a lag that is not known is exported")
	}
}

func TestReportsOfAnOrderAllocateNothing(t *testing.T) {
	m := New("test")
	post := m.HTTP.Route("POST", "/orders")
	post(202, time.Millisecond) // the first of a status makes its counter
	if n := testing.AllocsPerRun(100, func() {
		m.Intake.Held("", false, time.Millisecond)
		m.Intake.IntakeWaited(time.Millisecond)
		m.Intake.IntakeBatch(1, time.Millisecond)
		m.Intake.Ordered("", time.Millisecond, "")
		m.Intake.Ordered(order.CodeSoldOut, time.Millisecond, "")
		m.Batches.Gate(1, time.Millisecond)
		m.Bus.Told(order.Confirmed, time.Millisecond)
		m.Bus.Tailed(time.Millisecond)
		m.Bus.Requested("produce", time.Millisecond, nil)
		post(202, time.Millisecond)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReportsOfAnOrder(b *testing.B) {
	m := New("test")
	post := m.HTTP.Route("POST", "/orders")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Intake.Held("", false, time.Millisecond)
			m.Intake.IntakeWaited(time.Millisecond)
			m.Intake.Ordered("", time.Millisecond, "")
			post(202, time.Millisecond)
		}
	})
}

func TestAScrapeLeadsFromAnIntakeToItsTrace(t *testing.T) {
	m := New("test")
	m.Intake.Ordered("", 17*time.Millisecond, "4bf92f3577b34da6a3ce929d0e0e4736")
	m.Intake.Ordered("", time.Minute, "0af7651916cd43dd8448eb211c80319c")
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	for _, line := range []string{
		`order_service_intake_duration_seconds_bucket{stage="total",le="0.02"} 1 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.017 `,
		`order_service_intake_duration_seconds_bucket{stage="total",le="+Inf"} 2 # {trace_id="0af7651916cd43dd8448eb211c80319c"} 60.0 `,
	} {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("no line %s", line)
		}
	}
}
