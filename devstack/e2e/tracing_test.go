package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"order-service/failpoint"
	"order-service/order"
)

// What a client says of its own trace, and that it is sampled.
const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan  = "00f067aa0ba902b7"
)

// below lists the spans of a purchase, each with the one that it is below. The
// topics have the shop's own names in front.
var below = map[string]string{
	"POST /orders":                     clientSpan,
	"gate.hold":                        "POST /orders",
	"orders.commit":                    "POST /orders",
	"send reservations":                "POST /orders",
	"process reservations":             "send reservations",
	"StartWorkflow OrderWorkflow":      "process reservations",
	"RunWorkflow OrderWorkflow":        "StartWorkflow OrderWorkflow",
	"StartActivity ReadOrder":          "RunWorkflow OrderWorkflow",
	"RunActivity ReadOrder":            "StartActivity ReadOrder",
	"StartActivity TryPayment":         "RunWorkflow OrderWorkflow",
	"RunActivity TryPayment":           "StartActivity TryPayment",
	"POST payments/initiate":           "RunActivity TryPayment",
	"StartActivity RequestPayment":     "RunWorkflow OrderWorkflow",
	"RunActivity RequestPayment":       "StartActivity RequestPayment",
	"POST /orders/:id/payment-success": "POST /orders",
	"StartActivity Confirm":            "RunWorkflow OrderWorkflow",
	"RunActivity Confirm":              "StartActivity Confirm",
}

// byUpdate are the spans of telling the workflow of its payment, and bySignal
// those where no worker took that in time.
var (
	byUpdate = map[string]string{
		"UpdateWorkflow payment-report": "POST /orders/:id/payment-success",
		"HandleUpdate payment-report":   "UpdateWorkflow payment-report",
	}
	bySignal = map[string]string{
		"SignalWithStartWorkflow OrderWorkflow": "POST /orders/:id/payment-success",
		"HandleSignal payment-received":         "SignalWithStartWorkflow OrderWorkflow",
	}
)

// ofWorker are the spans that an api does not make.
var ofWorker = []string{"process reservations", "RunWorkflow OrderWorkflow", "RunActivity ReadOrder", "POST payments/initiate", "RunActivity Confirm"}

// A purchase is one trace, from the buyer's click to what his browser is told,
// over two processes, and by either protocol. It stays one when the record was
// published by a sweeper.
func TestAPurchaseIsOneTrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault, protocol string
	}{
		"published by the relay":   {"", "http/protobuf"},
		"published by the sweeper": {failpoint.RelayPublishBefore + "=error", "grpc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, spans := newShop(t), newCollector(t)
			s.env["OTEL_EXPORTER_OTLP_PROTOCOL"], s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.protocol, spans.http
			if c.protocol == "grpc" {
				s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = spans.grpc
			}
			api, worker := s.startTraced("api", c.fault), s.startTraced("worker", "")
			header := s.purchase()
			api.stop()
			worker.stop() // both deliver the rest of their spans

			traced := s.traced(spans)
			s.expectTree(traced)
			s.expectDeliveries(traced)
			for _, sent := range traced["send reservations"] {
				if swept := strings.Contains(sent.attributes["order.swept"], "true"); swept != (c.fault != "") {
					t.Errorf("the record was swept: %t", swept)
				}
			}
			if want := "00-" + clientTrace + "-" + traced["POST payments/initiate"][0].id + "-01"; header != want {
				t.Errorf("the provider was given traceparent %q, want %q", header, want)
			}
		})
	}
}

// startTraced names the process in its spans by its role.
func (s *shop) startTraced(role, fault string) *service {
	s.t.Helper()
	binary, env := suite.binary, map[string]string{"OTEL_SERVICE_NAME": role}
	if fault != "" {
		var err error
		if binary, err = suite.faulty(); err != nil {
			s.t.Fatal(err)
		}
		env["FAILPOINT"] = fault
	}
	return s.startAt(freeAddr(s.t), binary, role, env)
}

// purchase buys and pays, watched by a stream, and returns the traceparent that
// the provider was given.
func (s *shop) purchase() (header string) {
	s.t.Helper()
	var seen sync.Mutex
	s.provider.meet(initiating, func(work http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			seen.Lock()
			header = r.Header.Get("traceparent")
			seen.Unlock()
			work(w, r)
		}
	})
	buyer := s.buyer("ann-of-privacy", user)
	id := buyer.buy(s.product(10), 2, "traceparent", "00-"+clientTrace+"-"+clientSpan+"-01", "baggage", "user=ann", "Idempotency-Key", "ann-of-privacy")
	live := buyer.watch(id, "")
	s.paid(buyer.await(id, order.PaymentPending)).expect(http.StatusOK)
	live.until(order.Confirmed)
	buyer.await(id, order.Confirmed)
	s.verify()
	seen.Lock()
	defer seen.Unlock()
	return header
}

// traced returns the spans by name. All are of one trace, and none says who
// buys.
func (s *shop) traced(c *collector) map[string][]span {
	s.t.Helper()
	byName, known := map[string][]span{}, map[string]bool{}
	for _, sp := range c.all() {
		if known[sp.id] {
			s.t.Errorf("%s has the id of another span", sp.name)
		}
		known[sp.id] = true
		if sp.trace != clientTrace {
			s.t.Errorf("%s is of another trace", sp.name)
		}
		for key, value := range sp.attributes {
			sp.said += "\n" + key + "=" + value
		}
		for _, private := range []string{"ann", "Bearer", s.provider.url, "pay-"} {
			if strings.Contains(sp.said, private) {
				s.t.Errorf("%s says %q: %s", sp.name, private, sp.said)
			}
		}
		name := sp.name
		for _, topic := range []string{"KAFKA_TOPIC_ORDER_RESERVATIONS", "KAFKA_TOPIC_ORDER_PROGRESS"} {
			full := s.env[topic]
			name = strings.ReplaceAll(name, full, full[strings.Index(full, ".")+1:])
		}
		byName[name] = append(byName[name], sp)
	}
	return byName
}

func (s *shop) expectTree(traced map[string][]span) {
	s.t.Helper()
	tree := maps.Clone(below)
	if len(traced["HandleSignal payment-received"]) > 0 {
		maps.Copy(tree, bySignal)
	} else {
		maps.Copy(tree, byUpdate)
	}
	for name, parent := range tree {
		if len(traced[name]) != 1 {
			s.t.Errorf("%d spans %q, want 1", len(traced[name]), name)
			continue
		}
		want := parent
		if len(traced[parent]) > 0 {
			want = traced[parent][0].id
		}
		got := traced[name][0]
		if got.parent != want {
			s.t.Errorf("%q is not below %q", name, parent)
		}
		process := "api"
		if slices.Contains(ofWorker, name) {
			process = "worker"
		}
		if !strings.HasPrefix(name, "Start") && !strings.HasPrefix(name, "Run") && !strings.HasPrefix(name, "Handle") && got.process != process {
			s.t.Errorf("%q is of %s, not of %s", name, got.process, process)
		}
	}
	for _, batch := range []string{"gate.hold", "orders.commit"} {
		if len(traced[batch]) == 1 && !slices.Equal(traced[batch][0].links, []string{traced["POST /orders"][0].id}) {
			s.t.Errorf("%s has links %v", batch, traced[batch][0].links)
		}
	}
}

// expectDeliveries wants every change sent below the step that made it, and
// given to the stream below that.
func (s *shop) expectDeliveries(traced map[string][]span) {
	s.t.Helper()
	steps := map[string]string{"INVENTORY_RESERVED": "RunActivity ReadOrder", "PAYMENT_PENDING": "RunActivity RequestPayment", "CONFIRMED": "RunActivity Confirm"}
	sent := map[string]string{} // status by span
	for _, sp := range traced["send progress"] {
		status := sp.attributes["order.status"]
		if step := traced[steps[status]]; len(step) != 1 || sp.parent != step[0].id || sp.process != "worker" {
			s.t.Errorf("%s was not sent below its step", status)
		}
		sent[sp.id] = status
	}
	delivered := ""
	for _, sp := range traced["deliver progress"] {
		if status := sp.attributes["order.status"]; status != sent[sp.parent] || sp.process != "api" {
			s.t.Errorf("%s was not delivered below where it was sent", status)
		}
		delivered = sp.attributes["order.status"]
	}
	if len(sent) != 3 || delivered != "CONFIRMED" {
		s.t.Errorf("sent %v, delivered %q at last", sent, delivered)
	}
}

// In a sale a hundredth of the orders is a hundredth of the spans, however much
// the buyers' requests ask for more.
func TestOneOfAHundredOrdersIsTraced(t *testing.T) {
	t.Parallel()
	const orders, stock = 10_000, 100
	s, spans := newShop(t, "PAYMENT_TIMEOUT", "2s"), newCollector(t)
	s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = spans.http
	s.env["OTEL_TRACES_SAMPLER"], s.env["OTEL_TRACES_SAMPLER_ARG"] = "parentbased_traceidratio", "0.01"
	api, worker := s.startTraced("api", ""), s.startTraced("worker", "")
	product := s.product(stock)
	var buyers sync.WaitGroup
	for range 50 {
		buyers.Go(func() {
			buyer := s.anyone()
			for range orders / 50 {
				buyer.call("POST", "/orders", map[string]any{"productId": product, "quantity": 1}, "traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
			}
		})
	}
	buyers.Wait()
	s.wait("every order has ended", patience, func() (all bool) {
		s.ask(`SELECT count(*) = 0 FROM orders WHERE status NOT IN ('FAILED', 'CONFIRMED')`, &all)
		return all
	})
	api.stop()
	worker.stop()

	traced := spans.named("POST /orders")
	if n := len(traced); n < orders/200 || n > orders*3/200 {
		t.Errorf("%d of %d orders are traced", n, orders)
	}
	for _, sp := range spans.all() {
		if sp.trace != clientTrace {
			t.Errorf("%s has begun a trace of its own", sp.name)
		}
	}
	t.Logf("%d of %d orders are traced, by %d spans", len(traced), orders, len(spans.all()))
}
