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

// begin gives a response its request id and the headers that every one has.
func (s *Server) begin(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set(fiber.HeaderXRequestID, s.ids.of(ctx))
	h.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	h.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	h.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	h.Set(fiber.HeaderCacheControl, "no-store")
}

func (s *Server) recoverPanic(ctx *fasthttp.RequestCtx) {
	if reason := recover(); reason != nil {
		s.fail(ctx, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
	}
}

func (s *Server) logAccess(ctx *fasthttp.RequestCtx) {
	s.cfg.Log.Debug().Str("request", requestID(ctx)).Bytes("method", ctx.Method()).Bytes("path", ctx.Path()).
		Int("status", ctx.Response.StatusCode()).Dur("took", time.Since(ctx.Time())).Msg("request")
}

// handleError is Fiber's error handler. fasthttp also calls it for a request
// it could not read, which wrap never sees.
func (s *Server) handleError(c *fiber.Ctx, err error) error {
	ctx := c.Context()
	if requestID(ctx) == "" {
		s.begin(ctx)
		drain(ctx, err)
	}
	s.fail(ctx, err)
	return nil
}
