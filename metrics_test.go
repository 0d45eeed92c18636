package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/store/storetest"
)

// started runs the service with role on backends of the environment, in names
// of its own, and returns where it and its metrics are. It is stopped with the
// test.
func started(t *testing.T, role string) (url, metricsURL string) {
	t.Helper()
	for _, name := range []string{"REDIS_URL", "KAFKA_BOOTSTRAP", "TEMPORAL_ADDRESS"} {
		if os.Getenv(name) == "" {
			t.Fatalf("%s is not set: this test needs all backends", name)
		}
	}
	prefix, addr, admin := "main-test-"+uuid.NewString()+".", freeAddr(t), freeAddr(t)
	environ := []string{
		"DATABASE_URL=" + storetest.URL(t), "REDIS_URL=" + os.Getenv("REDIS_URL"), "KAFKA_BOOTSTRAP=" + os.Getenv("KAFKA_BOOTSTRAP"),
		"KAFKA_TOPIC_ORDER_RESERVATIONS=" + prefix + "reservations", "KAFKA_TOPIC_ORDER_CREATED=" + prefix + "created",
		"KAFKA_TOPIC_ORDER_PROGRESS=" + prefix + "progress", "KAFKA_CONSUMER_GROUP=" + prefix + "saga",
		"TEMPORAL_ADDRESS=" + os.Getenv("TEMPORAL_ADDRESS"), "TEMPORAL_TASK_QUEUE=" + prefix + "queue",
		"LOG_LEVEL=warn", "HTTP_ADDR=" + addr, "ADMIN_ADDR=" + admin, "JWT_SECRET=0123456789abcdef0123456789abcdef",
		"PAYMENT_SANDBOX=true", "PAYMENT_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G",
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if code := run(ctx, []string{"--role=" + role}, environ, io.Discard, t.Output()); code != exitOK {
			t.Errorf("exit code %d", code)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return "http://" + addr, "http://" + admin + "/metrics"
}

// freeAddr has a port below those that Linux gives whoever asks for any: it is some
// seconds until the service listens, and the tests of other packages ask for many.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			defer l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// get returns what is at url; "" while there is nothing.
func get(url string) string {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// wantMetrics waits until the metrics have a line that begins with each of
// what; the leader, for one, is not found at once.
func wantMetrics(t *testing.T, role string, what ...string) {
	t.Helper()
	service, metrics := started(t, role)
	var missing string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		get(service + "/livez") // a route is counted once it was asked for
		if missing = firstMissing("\n"+get(metrics), what); missing == "" {
			return
		}
	}
	t.Fatalf("the metrics lack %s", missing)
}

func firstMissing(text string, what []string) string {
	for _, line := range what {
		if !strings.Contains(text, "\n"+line) {
			return line
		}
	}
	return ""
}

// ofEveryProcess are families that each role exports.
var ofEveryProcess = []string{
	"go_goroutines", "process_cpu_seconds_total", "order_service_build_info{",
	"order_service_batch_size_bucket{", "order_service_gate_round_trip_seconds_count", "order_service_order_moves_total{",
	"order_service_payment_moves_total{", "order_service_postgres_connections ", "order_service_redis_connections ",
	"order_service_relay_batches_total{", "order_service_saga_starts_total{", "order_service_dead_letters_total",
	"order_service_upkeep_leader 1", "order_service_orders{", "order_service_oldest_pending_seconds", "order_service_oldest_reserved_seconds", "order_service_outbox_rows",
	"order_service_outbox_oldest_seconds", "order_service_consumer_lag", "order_service_payments_awaited",
	"order_service_payments_unsettled{", "order_service_refunding_seconds", `order_service_system_readable{backend="kafka"} 1`,
	`order_service_system_readable{backend="redis"} 1`, "order_service_gate_differing_products 0", "order_service_payment_received_seconds",
	"order_service_payment_overdue_seconds", `order_service_order_progress_seconds_count{status="PAYMENT_PENDING"}`,
	`order_service_kafka_connects_total{result="connected"}`, "order_service_kafka_buffered_records",
	`order_service_check{check="postgres"} 1`, `order_service_check{check="redis"} 1`, `order_service_check{check="kafka"} 1`,
	`order_service_check{check="temporal"} 1`, `order_service_repaired_total{what="order"} 0`,
	"temporal_request_total{",
}

func TestStartedServiceExportsWhatIsPromised(t *testing.T) {
	wantMetrics(t, "all", append([]string{
		`order_service_http_requests_total{method="GET",route="/livez",status="200"}`, `order_service_http_request_duration_seconds_bucket{method="POST",route="/orders",`,
		`order_service_intake_duration_seconds_bucket{stage="gate",`, `order_service_intake_duration_seconds_bucket{stage="queue",`,
		`order_service_intake_duration_seconds_bucket{stage="commit",`, `order_service_intake_duration_seconds_bucket{stage="total",`,
		`order_service_intake_results_total{code="accepted"}`, `order_service_gate_results_total{code="sold-out"}`,
		"order_service_sse_streams", "order_service_sse_dropped_total", "temporal_num_pollers{",
		`order_service_check{check="tail"} 1`, "order_service_tail_behind_events 0", "order_service_tail_behind_seconds 0",
		"order_service_tail_delay_seconds_count",
	}, ofEveryProcess...)...)
}

func TestStartedWorkerExportsWhatIsPromised(t *testing.T) {
	wantMetrics(t, "worker", append([]string{
		"temporal_num_pollers{", `order_service_check{check="consumer"} 1`, `order_service_check{check="saga"} 1`,
	}, ofEveryProcess...)...)
}

func TestScrapersGetMetricsAndNothingElse(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for path, want := range map[string]struct{ scraper, operator int }{
		"/metrics":               {http.StatusOK, http.StatusOK},
		"/debug/pprof/goroutine": {http.StatusNotFound, http.StatusOK},
		"/debug/pprof/heap":      {http.StatusNotFound, http.StatusOK},
		"/debug/pprof/cmdline":   {http.StatusNotFound, http.StatusOK},
	} {
		if got := answerOf(metricsRoutes(metrics), http.MethodGet, path).Code; got != want.scraper {
			t.Errorf("a scraper gets %d for %s, want %d", got, path, want.scraper)
		}
		if got := answerOf(adminRoutes(metrics), http.MethodGet, path).Code; got != want.operator {
			t.Errorf("an operator gets %d for %s, want %d", got, path, want.operator)
		}
	}
}

func TestMetricsAreReadAndNothingElse(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, routes := range []http.Handler{metricsRoutes(metrics), adminRoutes(metrics)} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
			if w := answerOf(routes, method, "/metrics"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s is %d, allows %q", method, w.Code, w.Header().Get("Allow"))
			}
		}
		if w := answerOf(routes, http.MethodHead, "/metrics"); w.Code != http.StatusOK {
			t.Errorf("HEAD is %d", w.Code)
		}
	}
	if w := answerOf(adminRoutes(metrics), http.MethodPost, "/debug/pprof/profile"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("a POST begins a profile: %d", w.Code)
	}
}

func answerOf(routes http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	routes.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}
