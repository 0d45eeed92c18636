package tracing_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"order-service/tracing"
	"order-service/tracing/tracingtest"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	sampled = "00-" + traceID + "-00f067aa0ba902b7-01"
	dropped = "00-" + traceID + "-00f067aa0ba902b7-00"
)

func TestTheStandardVariablesDecide(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"
	on := tracing.Config{Enabled: true, Protocol: "http/protobuf", Ratio: 1}
	with := func(change func(*tracing.Config)) tracing.Config { c := on; change(&c); return c }
	hundredth := with(func(c *tracing.Config) { c.Ratio = 0.01 })
	for environ, want := range map[string]tracing.Config{
		"":                                      {},
		"OTEL_EXPORTER_OTLP_ENDPOINT=":          {},
		endpoint:                                on,
		endpoint + " OTEL_SDK_DISABLED=true":    {},
		endpoint + " OTEL_TRACES_EXPORTER=none": {},
		endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                                                  with(func(c *tracing.Config) { c.Protocol = "grpc" }),
		endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf": on,
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://collector:4318/v1/traces":                            on,
		endpoint + " OTEL_TRACES_SAMPLER=always_on":                                                     on,
		endpoint + " OTEL_TRACES_SAMPLER=parentbased_always_off":                                        with(func(c *tracing.Config) { c.Ratio = 0 }),
		endpoint + " OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.01":                     hundredth,
		endpoint + " OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.01":         hundredth,
		endpoint + " OTEL_TRACES_SAMPLER=traceidratio":                                                  on,
	} {
		if got, err := tracing.Load(strings.Fields(environ)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", environ, got, err, want)
		}
	}
}

func TestAVariableThatIsWrongIsNamed(t *testing.T) {
	for _, wrong := range []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT=10.0.0.1:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://",
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_TRACES_SAMPLER=jaeger_remote",
		"OTEL_TRACES_SAMPLER_ARG=1%", "OTEL_TRACES_SAMPLER_ARG=1.5", "OTEL_TRACES_SAMPLER_ARG=-1", "OTEL_TRACES_SAMPLER_ARG=NaN",
	} {
		name, _, _ := strings.Cut(wrong, "=")
		environ := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318", "OTEL_TRACES_SAMPLER=traceidratio", wrong}
		if _, err := tracing.Load(environ); err == nil || !strings.HasPrefix(err.Error(), name+" ") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestWhoeverComesIsSampledByOurDice(t *testing.T) {
	for name, c := range map[string]struct {
		cfg      tracing.Config
		incoming string
		traced   bool
	}{
		"nobody asks, all":             {tracing.Config{Ratio: 1}, "", true},
		"nobody asks, none":            {tracing.Config{Ratio: 0}, "", false},
		"a client asks, none":          {tracing.Config{Ratio: 0}, sampled, false},
		"a client asks, all":           {tracing.Config{Ratio: 1}, sampled, true},
		"a client does not want it":    {tracing.Config{Ratio: 1}, dropped, false},
		"a client talks nonsense":      {tracing.Config{Ratio: 1}, "00-xyz", true},
		"our gateway asks, none":       {tracing.Config{Ratio: 0, TrustParent: true}, sampled, true},
		"our gateway does not want it": {tracing.Config{Ratio: 1, TrustParent: true}, dropped, false},
		"past our gateway, none":       {tracing.Config{Ratio: 0, TrustParent: true}, "", false},
	} {
		tracer := tracing.New(c.cfg)
		ctx, span := tracer.Enter(t.Context(), []byte(c.incoming), "POST /orders", time.Now())
		if span.IsRecording() != c.traced {
			t.Errorf("%s: traced %t", name, span.IsRecording())
		}
		if continues := tracing.ID(ctx) == traceID; continues != (c.traced && c.incoming == sampled) {
			t.Errorf("%s: under trace %q", name, tracing.ID(ctx))
		}
	}
}

// A gateway that is trusted and says something that is no traceparent has said
// nothing, and must not get every order traced.
func TestATrustedHeaderThatSaysNothingIsSampledByOurDice(t *testing.T) {
	tracer := tracing.New(tracing.Config{TrustParent: true})
	if _, span := tracer.Enter(t.Context(), []byte("nonsense"), "POST /orders", time.Now()); span.IsRecording() {
		t.Error("traced at a ratio of 0")
	}
}

func TestTheRatioIsKept(t *testing.T) {
	tracer := tracing.New(tracing.Config{Ratio: 0.01})
	traced := 0
	for range 9_000 { // of which the second's limit would allow more
		if _, span := tracer.Enter(t.Context(), []byte(sampled), "POST /orders", time.Now()); span.IsRecording() {
			traced++
		}
	}
	if traced < 45 || traced > 135 {
		t.Errorf("%d of 9,000", traced)
	}
}

func TestAStampedeIsNotTracedAsAWhole(t *testing.T) {
	tracer := tracing.New(tracing.Config{Ratio: 1})
	traced, begun := 0, time.Now()
	for range 10_000 {
		if _, span := tracer.Enter(t.Context(), nil, "POST /orders", time.Now()); span.IsRecording() {
			traced++
		}
	}
	if most := 100 * (2 + int(time.Since(begun).Seconds())); traced > most || traced < 100 {
		t.Errorf("%d traced, at most %d", traced, most)
	}
}

// An order's trace is carried as text, so a part that is handed none makes no
// span.
func TestNothingIsTracedThatDidNotEnter(t *testing.T) {
	tracer, spans := tracingtest.New(t)
	ctx := t.Context()
	_, started := tracer.Start(ctx, "step")
	_, continued := tracer.Continue(ctx, "", "process")
	_, unsampled := tracer.Continue(ctx, dropped, "process")
	_, batch := tracer.Batch(ctx, "commit", 3, nil)
	for _, span := range []trace.Span{started, continued, unsampled, batch} {
		span.End()
	}
	if n := len(spans.Ended()); n != 0 {
		t.Errorf("%d spans", n)
	}
	if header := tracer.Header(ctx); !strings.HasSuffix(header, "-00") || len(header) != len(dropped) {
		t.Errorf("its readers are told %q", header)
	}
}

func TestABatchBelongsToItsFirstTracedOrderAndIsLinkedToAll(t *testing.T) {
	tracer, spans := tracingtest.New(t)
	other := strings.ReplaceAll(sampled, "4bf9", "aaaa")
	_, span := tracer.Batch(t.Context(), "commit", 50, []string{sampled, other})
	span.End()
	got := spans.Named("commit")
	if tracing.Traceparent(trace.ContextWithSpanContext(t.Context(), got.Parent())) != sampled {
		t.Errorf("it is below %v", got.Parent())
	}
	if links := got.Links(); len(links) != 2 || links[1].SpanContext.TraceID().String() != other[3:35] {
		t.Errorf("it has links %v", links)
	}
	if size := tracingtest.Attribute(got, "order.batch_size"); size != "50" {
		t.Errorf("of %s orders", size)
	}
}

func TestARequestAboutATracedOrderJoinsItsTrace(t *testing.T) {
	const inside, outside = "00-" + traceID + "-aaaaaaaaaaaaaaaa-01", "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"
	for incoming, want := range map[string]struct {
		parent string
		links  int
	}{
		"":      {"00f067aa0ba902b7", 0},
		inside:  {"aaaaaaaaaaaaaaaa", 0}, // a provider that was called under the trace
		outside: {"00f067aa0ba902b7", 1},
		dropped: {"00f067aa0ba902b7", 0},
	} {
		tracer, spans := tracingtest.New(t)
		_, span := tracer.Join(t.Context(), sampled, []byte(incoming), "webhook", time.Now())
		span.End()
		got := spans.Named("webhook")
		if got.Parent().SpanID().String() != want.parent || len(got.Links()) != want.links {
			t.Errorf("%q: below %s with %d links", incoming, got.Parent().SpanID(), len(got.Links()))
		}
	}
}

func TestASpanThatIsBegunAgainIsTheSame(t *testing.T) {
	tracer, _ := tracingtest.New(t)
	begin := func(seed string) trace.SpanID {
		ctx := tracing.WithSpanID(tracing.Parent(t.Context(), sampled), seed)
		_, span := tracer.Start(ctx, "workflow")
		return span.SpanContext().SpanID()
	}
	first := begin("run-1")
	if again, other := begin("run-1"), begin("run-2"); first != again || first == other {
		t.Error("a span's id is not that of its seed")
	}
}

func TestALogLineHasTheTraceOfItsContext(t *testing.T) {
	var out bytes.Buffer
	log := zerolog.New(&out).Hook(tracing.LogHook{})
	log.Info().Ctx(tracing.Parent(t.Context(), sampled)).Msg("traced")
	log.Info().Ctx(t.Context()).Msg("untraced")
	log.Info().Msg("without a context")
	if n := strings.Count(out.String(), "traceId"); n != 1 || !strings.Contains(out.String(), `"traceId":"`+traceID+`"`) {
		t.Error(out.String())
	}
}

func TestAFailureIsToldByItsCodeAlone(t *testing.T) {
	tracer, spans := tracingtest.New(t)
	_, span := tracer.Continue(t.Context(), sampled, "step")
	tracing.Fail(span, "unavailable")
	span.End()
	got := spans.Named("step")
	if got.Status().Description != "unavailable" || tracingtest.Attribute(got, "error.type") != "unavailable" || len(got.Events()) != 0 {
		t.Errorf("%+v", got)
	}
}

// A collector that is away costs the end of the process two seconds and a line,
// whether it refuses or is silent.
func TestACollectorThatIsAwayIsNotWaitedFor(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+silent.Addr().String())
		tracer, err := tracing.Open(t.Context(), tracing.Config{Enabled: true, Protocol: protocol, Ratio: 1}, "v1", zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		_, span := tracer.Enter(t.Context(), nil, "POST /orders", time.Now())
		span.End()
		begun := time.Now()
		if err := tracer.Close(context.Background()); err == nil {
			t.Errorf("%s: the last spans were taken", protocol)
		}
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("%s: closed after %v", protocol, took)
		}
	}
}

func TestWithoutACollectorThereIsNoTracer(t *testing.T) {
	tracer, err := tracing.Open(t.Context(), tracing.Config{}, "v1", zerolog.Nop())
	if tracer != nil || err != nil {
		t.Error(tracer, err)
	}
	if header := tracer.Header(t.Context()); header != "" {
		t.Errorf("readers are told %q", header)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// traceOrder does what the intake does for an order, with a batch of 100, and
// returns the traceparent of its row.
func traceOrder(tracer *tracing.Tracer, n int) string {
	ctx, span := tracer.Enter(context.Background(), nil, "POST /orders", time.Time{})
	if span.IsRecording() {
		span.SetAttributes(tracing.OrderID(uuid.UUID{}), tracing.Quantity(1))
	}
	var traceparents []string
	traceparent := tracing.Traceparent(ctx)
	if traceparent != "" {
		traceparents = append(traceparents, traceparent)
	}
	if n%100 == 0 || traceparents != nil {
		_, hold := tracer.Batch(ctx, "hold", 100, traceparents)
		hold.End()
		_, commit := tracer.Batch(ctx, "commit", 100, traceparents)
		commit.End()
	}
	span.End()
	return traceparent
}

// followOrder does what the parts behind the intake do for it, with the
// traceparent of its row: its records say that it is traced or that it is not,
// and each of the other spans of a purchase is asked for.
func followOrder(tracer *tracing.Tracer, traceparent string) {
	ctx := context.Background()
	if traceparent != "" {
		ctx = tracing.Parent(ctx, traceparent)
	}
	_, process := tracer.Continue(ctx, tracer.Header(ctx), "process")
	process.End()
	for range 21 {
		_, step := tracer.Start(ctx, "step")
		if step.IsRecording() {
			step.SetAttributes(tracing.OrderID(uuid.UUID{}))
		}
		step.End()
	}
	_ = tracer.Header(ctx) // the provider's
}

// BenchmarkOrder is what an order costs the intake, and what it costs all parts
// together. Spans are encoded and sent to a collector that does nothing; who
// makes them faster than they are sent has to wait.
func BenchmarkOrder(b *testing.B) {
	for _, c := range []struct {
		name  string
		ratio float64 // less than 0: there is no tracer
	}{{"off", -1}, {"untraced", 0}, {"traced", 1}, {"ratio=0.01", 0.01}} {
		var tracer *tracing.Tracer
		if c.ratio >= 0 {
			tracer = tracing.Unlimited(tracing.New(tracing.Config{Ratio: c.ratio}, sdk.WithBatcher(newExporter(b), sdk.WithBlocking())))
		}
		b.Run("intake/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				traceOrder(tracer, n)
			}
		})
		b.Run("all/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				followOrder(tracer, traceOrder(tracer, n))
			}
		})
		_ = tracer.Close(context.Background())
	}
}

// newExporter sends to a collector on this machine that takes all.
func newExporter(b *testing.B) sdk.SpanExporter {
	b.Helper()
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(collector.Close)
	exporter, err := otlptracehttp.New(b.Context(), otlptracehttp.WithEndpointURL(collector.URL))
	if err != nil {
		b.Fatal(err)
	}
	return exporter
}

func TestAnOrderThatIsNotTracedAllocatesNothing(t *testing.T) {
	for name, tracer := range map[string]*tracing.Tracer{"off": nil, "on": tracing.New(tracing.Config{})} {
		if n := testing.AllocsPerRun(1000, func() { traceOrder(tracer, 0) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
