package api

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"order-service/order"
)

// wrap runs around every request. It works below Fiber, so that it costs no
// routing and also covers what Fiber answers by itself.
func (s *Server) wrap(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	verbose := s.cfg.Log.GetLevel() <= zerolog.DebugLevel
	methods := s.app.Config().RequestMethods
	return func(ctx *fasthttp.RequestCtx) {
		s.begin(ctx)
		defer s.measure(ctx) // after a panic, too
		defer s.recoverPanic(ctx)
		if !slices.Contains(methods, utils.UnsafeString(ctx.Method())) {
			s.fail(ctx, fiber.ErrMethodNotAllowed)
			return
		}
		next(ctx)
		if s.draining.Load() {
			ctx.SetConnectionClose()
		}
		if verbose {
			s.logAccess(ctx)
		}
	}
}

// Names and values of headers in the form in which fasthttp keeps them, so that
// it need not bring them into it for every request.
var (
	xRequestID      = []byte("X-Request-Id")
	cacheControl    = []byte("Cache-Control")
	eTag            = []byte("Etag")
	location        = []byte("Location")
	retryAfter      = []byte("Retry-After")
	rateLimit       = []byte("Ratelimit")
	rateLimitPolicy = []byte("Ratelimit-Policy")

	noStore     = []byte("no-store")
	revalidated = []byte("private, no-cache")

	// security are the headers that every response has, besides no-store.
	security = [][2][]byte{
		{[]byte("X-Content-Type-Options"), []byte("nosniff")},
		{[]byte("Referrer-Policy"), []byte("no-referrer")},
		{[]byte("Content-Security-Policy"), []byte("default-src 'none'; frame-ancestors 'none'")},
	}
)

// begin gives a response its request id and the headers that every one has.
func (s *Server) begin(ctx *fasthttp.RequestCtx) {
	var buffer [order.MaxProductID]byte
	h := &ctx.Response.Header
	h.SetCanonical(xRequestID, s.ids.append(buffer[:0], ctx))
	for _, field := range security {
		h.SetCanonical(field[0], field[1])
	}
	h.SetCanonical(cacheControl, noStore)
}

func (s *Server) recoverPanic(ctx *fasthttp.RequestCtx) {
	if reason := recover(); reason != nil {
		s.fail(ctx, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
	}
}

func (s *Server) logAccess(ctx *fasthttp.RequestCtx) {
	s.cfg.Log.Debug().Bytes("request", requestID(ctx)).Bytes("method", ctx.Method()).Bytes("path", ctx.Path()).
		Int("status", ctx.Response.StatusCode()).Dur("took", time.Since(ctx.Time())).Msg("request")
}

// handleError is Fiber's error handler. fasthttp also calls it for a request
// it could not read, which wrap never sees.
func (s *Server) handleError(c *fiber.Ctx, err error) error {
	ctx := c.Context()
	if len(requestID(ctx)) == 0 {
		s.begin(ctx)
		drain(ctx, err)
	}
	s.fail(ctx, err)
	return nil
}
