package e2e

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

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

// byActivity are the spans of asking the provider where it did not answer the
// first, brief try: its machine is busy.
var byActivity = map[string]string{
	"StartActivity InitiatePayment": "RunWorkflow OrderWorkflow",
	"RunActivity InitiatePayment":   "StartActivity InitiatePayment",
	"POST payments/initiate":        "RunActivity InitiatePayment",
}

// returned lists the spans of a payment that came after its order was cancelled.
var returned = map[string]string{
	"POST /orders/:id/cancel":          "POST /orders",
	"POST /orders/:id/payment-success": "POST /orders",
	"StartWorkflow RefundWorkflow":     "POST /orders/:id/payment-success",
	"RunWorkflow RefundWorkflow":       "StartWorkflow RefundWorkflow",
	"StartActivity ClaimRefund":        "RunWorkflow RefundWorkflow",
	"RunActivity ClaimRefund":          "StartActivity ClaimRefund",
	"StartActivity RefundPayment":      "RunWorkflow RefundWorkflow",
	"RunActivity RefundPayment":        "StartActivity RefundPayment",
	"POST payments/refund":             "RunActivity RefundPayment",
	"StartActivity CloseRefund":        "RunWorkflow RefundWorkflow",
	"RunActivity CloseRefund":          "StartActivity CloseRefund",
}

// admitted are the keys of all that a span may say. A new one is admitted by
// whoever knows that it says nothing of a person, and no secret.
var admitted = []string{
	"resource: service.name", "resource: service.version",
	"resource: telemetry.sdk.language", "resource: telemetry.sdk.name", "resource: telemetry.sdk.version",
	"order.id", "order.product_id", "order.quantity", "order.status", "order.batch_size", "order.swept", "order.streams",
	"http.request.method", "http.route", "http.response.status_code",
	"messaging.system", "messaging.destination.name", "messaging.operation.type", "messaging.kafka.offset",
	"temporal.run_id", "error.type",
}

// ofNoOrder are spans that cannot name their order: those of a batch have
// several, those of a refund's workflow know the payment alone, and those of the
// provider are below a step's, which has the name.
func ofNoOrder(name string) bool {
	return name == "gate.hold" || name == "orders.commit" || strings.HasPrefix(name, "POST payments/") ||
		strings.Contains(name, "Refund")
}

// ofWorker are the spans that an api does not make.
var ofWorker = []string{"process reservations", "RunWorkflow OrderWorkflow", "RunActivity ReadOrder", "POST payments/initiate", "RunActivity Confirm", "POST payments/refund"}

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
			var s *shop
			var id uuid.UUID
			var header http.Header
			traced := untroubled(t, func() map[string][]span {
				s = newShop(t)
				spans := newCollector(t)
				s.env["OTEL_EXPORTER_OTLP_PROTOCOL"], s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.protocol, spans.http
				if c.protocol == "grpc" {
					s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = spans.grpc
				}
				api, worker := s.startTraced("api", c.fault), s.startTraced("worker", "")
				id, header = s.purchase()
				api.stop()
				worker.stop() // both deliver the rest of their spans
				return s.traced(spans)
			})
			s.expectOwn(traced, id)
			s.expectNoOrphans(traced)
			s.expectPurchase(traced)
			s.expectDeliveries(traced)
			for _, sent := range traced["send reservations"] {
				if swept := strings.Contains(sent.attributes["order.swept"], "true"); swept != (c.fault != "") {
					t.Errorf("the record was swept: %t", swept)
				}
			}
			s.expectHandedOn(header, traced["POST payments/initiate"])
			s.expectRecordsOfATrace()
		})
	}
}

// Money that comes too late is given back within the trace of its order, below
// the report that brought it.
func TestARefundIsOfItsOrdersTrace(t *testing.T) {
	t.Parallel()
	var s *shop
	var id uuid.UUID
	var header http.Header
	traced := untroubled(t, func() map[string][]span {
		s = newShop(t)
		spans := newCollector(t)
		s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = spans.http
		api, worker := s.startTraced("api", ""), s.startTraced("worker", "")
		sent := s.overhearProvider(refunding)
		buyer := s.buyer("ann-of-privacy", user)
		id = buyer.buy(s.product(10), 2, ofClient...)
		o := buyer.await(id, order.PaymentPending)
		buyer.cancel(id).expect(http.StatusOK)
		buyer.await(id, order.Cancelled)
		s.paid(o).expect(http.StatusOK)
		s.awaitRefunded(o.PaymentID)
		header = sent()
		api.stop()
		worker.stop()
		return s.traced(spans)
	}, "StartWorkflow OrderWorkflow") // the cancellation begins with one
	s.expectOwn(traced, id)
	s.expectNoOrphans(traced)
	s.expectTree(traced, returned)
	s.expectHandedOn(header, traced["POST payments/refund"])
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

// A worker that has put an order out of its memory reads the history of it anew
// when the payment comes. What was done before is not told of again, and what is
// done then is below the workflow's one span, also where a signal had come before
// the workflow's first task.
func TestATraceGoesOnWhereTheWorkerHadForgottenItsOrder(t *testing.T) {
	t.Parallel()
	var s *shop
	var id uuid.UUID
	traced := untroubled(t, func() map[string][]span {
		s = newShop(t, "WORKER_CACHED_ORDERS", "1")
		spans := newCollector(t)
		s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = spans.http
		api, metrics := s.startTraced("api", ""), freeAddr(t)
		buyer, product := s.buyer("ann-of-privacy", user), s.product(10)
		id = buyer.buy(product, 2, ofClient...)
		s.webhook(id, "payment-failure", map[string]any{"paymentId": "of-before", "reason": "no funds"}).expect(http.StatusOK)
		worker := s.startAt(freeAddr(t), suite.binary, "worker", map[string]string{"OTEL_SERVICE_NAME": "worker", "METRICS_ADDR": metrics})
		o := buyer.await(id, order.PaymentPending)
		next := s.anyone()
		other := next.await(next.buy(product, 1, "traceparent", "00-"+clientTrace+"-"+clientSpan+"-00"), order.PaymentPending)
		s.wait("the first order is forgotten", patience, func() bool {
			return strings.Contains(textAt("http://"+metrics+"/metrics"), "temporal_sticky_cache_total_forced_eviction_total")
		})
		s.paid(o).expect(http.StatusOK)
		buyer.await(id, order.Confirmed)
		s.paid(other).expect(http.StatusOK)
		next.await(other.OrderID, order.Confirmed)
		api.stop()
		worker.stop()
		return s.traced(spans)
	})
	s.expectOwn(traced, id)
	s.expectNoOrphans(traced)
	for _, name := range []string{"HandleSignal payment-declined", "RunWorkflow OrderWorkflow",
		"RunActivity ReadOrder", "RunActivity TryPayment", "RunActivity RequestPayment", "RunActivity Confirm"} {
		if len(traced[name]) != 1 {
			t.Errorf("%d spans %q, want 1", len(traced[name]), name)
		}
	}
	workflow := traced["RunWorkflow OrderWorkflow"]
	for _, step := range append(traced["StartActivity ReadOrder"], traced["StartActivity Confirm"]...) {
		if len(workflow) == 1 && step.parent != workflow[0].id {
			t.Errorf("%s is not below the workflow", step.name)
		}
	}
}

// textAt returns what is at url; "" while there is nothing.
func textAt(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// expectNoOrphans wants every span to be below another, or the client's.
func (s *shop) expectNoOrphans(traced map[string][]span) {
	s.t.Helper()
	known := map[string]bool{clientSpan: true}
	for _, spans := range traced {
		for _, sp := range spans {
			known[sp.id] = true
		}
	}
	for name, spans := range traced {
		for _, sp := range spans {
			if !known[sp.parent] {
				s.t.Errorf("%s is below a span that nobody made", name)
			}
		}
	}
}

// ofClient is what a client sends along that has a trace of its own, and more to
// say about it than anybody should carry on.
var ofClient = []string{
	"traceparent", "00-" + clientTrace + "-" + clientSpan + "-01", "tracestate", "vendor=ann-of-privacy",
	"baggage", "user=ann-of-privacy", "Idempotency-Key", "ann-of-privacy",
}

// overhearProvider returns what returns the header of the last request to path.
func (s *shop) overhearProvider(path string) func() http.Header {
	var mu sync.Mutex
	var header http.Header
	s.provider.meet(path, func(work http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			header = r.Header.Clone()
			mu.Unlock()
			work(w, r)
		}
	})
	return func() http.Header {
		mu.Lock()
		defer mu.Unlock()
		return header
	}
}

// purchase buys and pays, watched by a stream, and returns the header that the
// provider was sent.
func (s *shop) purchase() (id uuid.UUID, header http.Header) {
	s.t.Helper()
	sent := s.overhearProvider(initiating)
	buyer := s.buyer("ann-of-privacy", user)
	id = buyer.buy(s.product(10), 2, ofClient...)
	live := buyer.watch(id, "")
	s.paid(buyer.await(id, order.PaymentPending)).expect(http.StatusOK)
	live.until(order.Confirmed)
	buyer.await(id, order.Confirmed)
	s.verify()
	return id, sent()
}

// untroubled has play make a trace in which every step was done once. On a busy
// machine a request is repeated that was answered 503, Kafka delivers a record
// again, and a workflow task of whose end Temporal hears too late is done anew: all
// of that is told of twice. What else may come more than once is named.
func untroubled(t *testing.T, play func() map[string][]span, but ...string) map[string][]span {
	t.Helper()
	var again []string
	for range 5 {
		traced := play()
		if again = repeated(traced, but); len(again) == 0 {
			return traced
		}
		t.Logf("more than once: %q", again)
	}
	t.Fatalf("each time something was done more than once, at last %q", again)
	return nil
}

// repeated are the steps that were done more than once. A change is sent and
// delivered for each of them, and the provider asked anew by another step.
func repeated(traced map[string][]span, but []string) (names []string) {
	for name, spans := range traced {
		if len(spans) > 1 && !slices.Contains(but, name) && !strings.HasSuffix(name, " progress") && !strings.HasPrefix(name, "POST payments/") {
			names = append(names, name)
		}
	}
	return names
}

// traced returns the spans by name.
func (s *shop) traced(c *collector) map[string][]span {
	byName := map[string][]span{}
	for _, sp := range c.all() {
		name := sp.name
		for _, topic := range []string{"KAFKA_TOPIC_ORDER_RESERVATIONS", "KAFKA_TOPIC_ORDER_PROGRESS"} {
			full := s.env[topic]
			name = strings.ReplaceAll(name, full, full[strings.Index(full, ".")+1:])
		}
		byName[name] = append(byName[name], sp)
	}
	return byName
}

// expectOwn wants all spans to be of one trace, to name their order where they can,
// to say nothing that nobody admitted, and none of them who buys.
func (s *shop) expectOwn(traced map[string][]span, id uuid.UUID) {
	s.t.Helper()
	known := map[string]string{}
	for _, spans := range traced {
		for _, sp := range spans {
			if other := known[sp.id]; other != "" && other != sp.name {
				s.t.Errorf("%s has the id of another span", sp.name)
			}
			known[sp.id] = sp.name
			if sp.trace != clientTrace {
				s.t.Errorf("%s is of another trace", sp.name)
			}
			if got := sp.attributes["order.id"]; got != id.String() && !(got == "" && ofNoOrder(sp.name)) {
				s.t.Errorf("%s is said to be of order %q", sp.name, got)
			}
			s.expectAdmitted(sp)
		}
	}
}

func (s *shop) expectAdmitted(sp span) {
	s.t.Helper()
	for _, key := range sp.keys {
		if !slices.Contains(admitted, key) {
			s.t.Errorf("%s says %s, which nobody admitted", sp.name, key)
		}
	}
	for _, private := range []string{"ann", "Bearer", s.provider.url, "pay-"} {
		if strings.Contains(sp.said, private) {
			s.t.Errorf("%s says %q: %s", sp.name, private, sp.said)
		}
	}
}

// expectHandedOn wants the provider to have been told the span that it was
// called by, and nothing else of what the client said of its trace.
func (s *shop) expectHandedOn(header http.Header, calls []span) {
	s.t.Helper()
	if len(calls) != 1 {
		s.t.Fatalf("%d spans of the provider's call", len(calls))
	}
	if got, want := header.Get("traceparent"), "00-"+clientTrace+"-"+calls[0].id+"-01"; got != want {
		s.t.Errorf("the provider was given traceparent %q, want %q", got, want)
	}
	for _, name := range []string{"baggage", "tracestate"} {
		if got := header.Get(name); got != "" {
			s.t.Errorf("the provider was given %s %q", name, got)
		}
	}
}

// expectRecordsOfATrace wants every record to say which trace it is of, and what
// it is, and no more: baggage would be carried to whoever reads the topics.
func (s *shop) expectRecordsOfATrace() {
	s.t.Helper()
	for variable, n := range map[string]int{
		"KAFKA_TOPIC_ORDER_RESERVATIONS": 1, "KAFKA_TOPIC_ORDER_CREATED": 1, "KAFKA_TOPIC_ORDER_PROGRESS": 3,
	} {
		for _, r := range s.records(variable, n) {
			headers := map[string]string{}
			for _, h := range r.Headers {
				headers[h.Key] = string(h.Value)
			}
			traced := strings.HasPrefix(headers["traceparent"], "00-"+clientTrace+"-")
			if len(headers) != 3 || headers["event-type"] == "" || headers["event-version"] == "" || !traced {
				s.t.Errorf("a record of %s has headers %q", s.env[variable], headers)
			}
		}
	}
}

// expectPurchase wants the spans of an order that was paid for.
func (s *shop) expectPurchase(traced map[string][]span) {
	s.t.Helper()
	tree := maps.Clone(below)
	if len(traced["HandleSignal payment-received"]) > 0 {
		maps.Copy(tree, bySignal)
	} else {
		maps.Copy(tree, byUpdate)
	}
	if again := traced["RunActivity InitiatePayment"]; len(again) == 1 {
		maps.Copy(tree, byActivity)
		traced["POST payments/initiate"] = slices.DeleteFunc(traced["POST payments/initiate"], func(sp span) bool { return sp.parent != again[0].id })
	}
	s.expectTree(traced, tree)
	for _, batch := range []string{"gate.hold", "orders.commit"} {
		if len(traced[batch]) == 1 && !slices.Equal(traced[batch][0].links, []string{traced["POST /orders"][0].id}) {
			s.t.Errorf("%s has links %v", batch, traced[batch][0].links)
		}
	}
}

func (s *shop) expectTree(traced map[string][]span, tree map[string]string) {
	s.t.Helper()
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
