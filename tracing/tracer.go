package tracing

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/time/rate"
)

// farewell is how long Close tries to deliver the last spans: a collector that
// is gone must not take the time in which orders are finished.
const farewell = 2 * time.Second

// Tracer makes the spans of a process. A nil Tracer makes none. Its methods may
// be called from any goroutine.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	cfg      Config
	limit    *rate.Limiter
}

// Open returns a Tracer that sends its spans to the collector, or nil where cfg
// is off. It does not wait for the collector, and an error is one of
// configuration. The owner calls Close.
func Open(ctx context.Context, cfg Config, version string, log zerolog.Logger) (*Tracer, error) {
	if !cfg.Enabled {
		return nil, nil
	}
	// What goes wrong later reaches us through the library's globals alone.
	log = log.With().Str("part", "tracing").Logger().Sample(&zerolog.BurstSampler{Burst: 1, Period: 10 * time.Second})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn().Err(err).Msg("spans are lost") }))
	otel.SetLogger(logr.FromSlogHandler(zerolog.NewSlogHandler(log)))
	exporter, err := newExporter(ctx, cfg.Protocol)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_*: %w", err)
	}
	about, err := describe(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return New(cfg, sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

func newExporter(ctx context.Context, protocol string) (sdk.SpanExporter, error) {
	if protocol == protocolGRPC {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// describe is the process as its spans name it; the environment has the last word.
func describe(ctx context.Context, version string) (*resource.Resource, error) {
	return resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "order-service"), attribute.String("service.version", version)),
		resource.WithFromEnv())
}

// New returns a Tracer whose spans go where options say.
func New(cfg Config, options ...sdk.TracerProviderOption) *Tracer {
	options = append(options, sdk.WithSampler(sampler{}), sdk.WithIDGenerator(ids{}))
	provider := sdk.NewTracerProvider(options...)
	return &Tracer{
		provider: provider, tracer: provider.Tracer("order-service"), cfg: cfg, limit: rate.NewLimiter(maxEntered, maxEntered),
	}
}

// Close delivers what has not been delivered yet, within farewell.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, farewell, fmt.Errorf("the collector did not take the last spans within %v", farewell))
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// Start begins a span below ctx's, where that is traced.
func (t *Tracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, options...)
}

// Continue begins a span below one of another part, or of another process,
// whose Traceparent it was. Without one there is no span.
func (t *Tracer) Continue(ctx context.Context, traceparent, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if t == nil || traceparent == "" {
		return ctx, noop.Span{}
	}
	return t.Start(Parent(ctx, traceparent), name, options...)
}

// Batch begins the one span of work that is done for several orders at once, of
// which some are traced, with these traceparents. A span has one parent, so it
// belongs to the first of them and has links to all.
func (t *Tracer) Batch(ctx context.Context, name string, orders int, traceparents []string) (context.Context, trace.Span) {
	if t == nil || len(traceparents) == 0 {
		return ctx, noop.Span{}
	}
	links := make([]trace.Link, len(traceparents))
	for i, traceparent := range traceparents {
		links[i].SpanContext = parse(traceparent)
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, links[0].SpanContext)
	return t.tracer.Start(ctx, name, trace.WithLinks(links...), trace.WithAttributes(batchSize(orders)))
}
