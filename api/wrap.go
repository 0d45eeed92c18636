package api

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"order-service/order"
)

// wrap runs around every request. It works below Fiber, so that it costs no
// routing and also covers what Fiber answers by itself.
func (s *Server) wrap(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	verbose := s.cfg.Log.GetLevel() <= zerolog.DebugLevel
	return func(ctx *fasthttp.RequestCtx) {
		s.begin(ctx)
		defer s.measure(ctx) // after a panic, too
		defer s.recoverPanic(ctx)
		s.answer(ctx, next)
		if s.draining.Load() {
			ctx.SetConnectionClose()
		}
		if verbose {
			s.logAccess(ctx)
		}
	}
}

// answer is wrap without what is done for every request alike.
func (s *Server) answer(ctx *fasthttp.RequestCtx, next fasthttp.RequestHandler) {
	s.recognise(ctx)
	switch {
	case s.preflight(ctx):
	case string(ctx.RequestURI()) == "*":
		ctx.Response.Header.Set(fiber.HeaderAllow, everything)
		ctx.Response.SetStatusCode(fiber.StatusNoContent)
	default:
		respell(ctx)
		next(ctx)
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
		err = s.unread(ctx, err)
		defer func() { s.router.none(ctx.Response.StatusCode(), 0) }() // it has taken no time of ours
	}
	if errors.Is(err, fiber.ErrMethodNotAllowed) {
		s.notAllowed(c)
		return nil
	}
	s.fail(ctx, err)
	return nil
}

// unread begins the answer to a request that could not be read and returns
// what is wrong with it. Where fasthttp does not even have the headers, framing
// knows those that the answer depends on.
func (s *Server) unread(ctx *fasthttp.RequestCtx, err error) error {
	if conn, ok := ctx.Conn().(*conn); ok {
		head, h := conn.framing.head, &ctx.Request.Header
		for name, value := range map[string][]byte{fiber.HeaderOrigin: head.origin, fiber.HeaderXRequestID: head.requestID} {
			if len(value) > 0 && len(h.Peek(name)) == 0 {
				h.SetBytesV(name, value)
			}
		}
		if conn.refused != nil {
			err = conn.refused
		}
	}
	s.begin(ctx)
	s.preflight(ctx)
	drain(ctx)
	return err
}

// expect answers a client that asks, by Expect: 100-continue, whether to send its
// content. Where the headers tell that it would be refused it hears so at once
// (RFC 9110, section 10.1.1), and fasthttp closes the connection.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	err := s.unwanted(ctx)
	if err == nil {
		return fasthttp.StatusContinue
	}
	s.fail(ctx, s.unread(ctx, err))
	s.router.none(ctx.Response.StatusCode(), 0)
	return ctx.Response.StatusCode()
}

// unwanted is what a request is refused for whatever its content is: too much of
// it, or an order of somebody who may place none.
func (s *Server) unwanted(ctx *fasthttp.RequestCtx) error {
	h := &ctx.Request.Header
	if h.ContentLength() > maxBody {
		return fiber.ErrRequestEntityTooLarge
	}
	if s.auth == nil || !h.IsPost() || string(ctx.Path()) != "/orders" { // a worker has no orders to place
		return nil
	}
	_, err := s.callerBy(bearer(string(h.Peek(fiber.HeaderAuthorization))), time.Now(), roleUser)
	return err
}

// drain reads on, for a moment, what a client is still sending of a request
// that was refused before its end. Closing a connection with unread data resets
// it, and the client would never see the answer.
func drain(ctx *fasthttp.RequestCtx) {
	const most, patience, quiet = 4 << 20, time.Second, 50 * time.Millisecond
	conn, buffer, end := rawConn(ctx.Conn()), make([]byte, 4<<10), time.Now().Add(patience)
	for got := 0; got < most && time.Now().Before(end); {
		_ = conn.SetReadDeadline(time.Now().Add(quiet))
		n, err := conn.Read(buffer)
		got += n
		if err != nil {
			return
		}
	}
}
