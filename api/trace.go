package api

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"order-service/order"
	"order-service/tracing"
)

// traceKey is where a request that is traced keeps the context of its span.
type traceKey struct{}

// traceparent is the caller's span, if the request has it once. Of two nobody
// knows which is meant, and Trace Context has such a trace begin anew. It decides
// nothing but what we write down, so it is no reason to refuse an order.
func traceparent(ctx *fasthttp.RequestCtx) []byte {
	if lines := ctx.Request.Header.PeekAll("Traceparent"); len(lines) == 1 {
		return lines[0]
	}
	return nil
}

// enterTrace decides whether a request's order is traced. It is asked for what
// would be accepted but for the gate: whoever is refused before that, for want
// of a token or for asking too often, takes no other order's chance.
func (s *Server) enterTrace(c *fiber.Ctx, req order.Request) context.Context {
	if s.deps.Tracer == nil {
		return context.Background()
	}
	r := c.Context()
	ctx, span := s.deps.Tracer.Enter(context.Background(), traceparent(r), "POST /orders", r.Time())
	if span.IsRecording() {
		span.SetAttributes(tracing.ProductID(req.ProductID), tracing.Quantity(req.Quantity))
		s.keepTrace(c, ctx, span)
	}
	return ctx
}

// joinTrace has a request about an order go on with the order's trace.
func (s *Server) joinTrace(ctx context.Context, c *fiber.Ctx, o order.Order) context.Context {
	if s.deps.Tracer == nil || o.Traceparent == "" {
		return ctx
	}
	r, route := c.Context(), c.Route()
	ctx, span := s.deps.Tracer.Join(ctx, o.Traceparent, traceparent(r), route.Method+" "+route.Path, r.Time())
	if span.IsRecording() {
		span.SetAttributes(tracing.OrderID(o.ID))
		s.keepTrace(c, ctx, span)
	}
	return ctx
}

func (s *Server) keepTrace(c *fiber.Ctx, ctx context.Context, span trace.Span) {
	route := c.Route()
	span.SetAttributes(attribute.String("http.request.method", route.Method), attribute.String("http.route", route.Path))
	c.Context().SetUserValue(traceKey{}, ctx)
}

// recorded is the context of a request's span; one without a span has none.
func recorded(ctx *fasthttp.RequestCtx) context.Context {
	if kept, traced := ctx.UserValue(traceKey{}).(context.Context); traced {
		return kept
	}
	return context.Background()
}

// endTrace ends the span of a request with its answer.
func endTrace(ctx *fasthttp.RequestCtx) {
	if span := trace.SpanFromContext(recorded(ctx)); span.IsRecording() {
		span.SetAttributes(attribute.Int("http.response.status_code", ctx.Response.StatusCode()))
		span.End()
	}
}

// traceRefusal notes in the request's span why it was refused. Only what is our
// fault counts as an error.
func traceRefusal(ctx context.Context, status int, code order.Code) {
	span := trace.SpanFromContext(ctx)
	switch {
	case !span.IsRecording():
	case status >= fasthttp.StatusInternalServerError:
		tracing.Fail(span, string(code))
	default:
		span.SetAttributes(attribute.String("error.type", string(code)))
	}
}

// traceOf is the trace that a request belongs to: the one that we record, else
// the caller's, which others may.
func (s *Server) traceOf(ctx *fasthttp.RequestCtx) context.Context {
	if s.deps.Tracer == nil {
		return context.Background()
	}
	if kept := recorded(ctx); tracing.ID(kept) != "" {
		return kept
	}
	return tracing.Parent(context.Background(), string(traceparent(ctx)))
}
