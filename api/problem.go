package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"order-service/order"
	"order-service/tracing"
)

// Codes that only HTTP itself can cause, so the domain does not know them.
const (
	codeBadRequest      order.Code = "bad-request"
	codeRequestTimeout  order.Code = "request-timeout"
	codeHeadersTooLarge order.Code = "headers-too-large"

	codePreconditionFailed   order.Code = "precondition-failed"
	codePreconditionRequired order.Code = "precondition-required"
)

// kind is what every problem with one code has in common.
type kind struct {
	status int
	title  string
}

// kinds maps each code to its HTTP status and title. A code that is missing
// here is answered as internal; a test keeps the table complete.
var kinds = map[order.Code]kind{
	codeBadRequest:                 {http.StatusBadRequest, "Bad request"},
	order.CodeMalformedJSON:        {http.StatusBadRequest, "Malformed JSON"},
	order.CodeUnauthenticated:      {http.StatusUnauthorized, "Authentication required"},
	order.CodeBadSignature:         {http.StatusUnauthorized, "Bad webhook signature"},
	order.CodeForbidden:            {http.StatusForbidden, "Forbidden"},
	order.CodeNotFound:             {http.StatusNotFound, "Not found"},
	order.CodeOrderNotFound:        {http.StatusNotFound, "Order not found"},
	order.CodeProductNotFound:      {http.StatusNotFound, "Product not found"},
	order.CodeMethodNotAllowed:     {http.StatusMethodNotAllowed, "Method not allowed"},
	codeRequestTimeout:             {http.StatusRequestTimeout, "Request timeout"},
	order.CodeSoldOut:              {http.StatusConflict, "Sold out"},
	order.CodePriceChanged:         {http.StatusConflict, "Price changed"},
	order.CodePurchaseLimit:        {http.StatusConflict, "Purchase limit reached"},
	order.CodeNotCancellable:       {http.StatusConflict, "Order cannot be cancelled"},
	order.CodeAmountMismatch:       {http.StatusConflict, "Amount mismatch"},
	order.CodeStockBelowSold:       {http.StatusConflict, "Stock below what is sold"},
	order.CodeConflict:             {http.StatusConflict, "Conflict"},
	codePreconditionFailed:         {http.StatusPreconditionFailed, "Changed meanwhile"},
	order.CodeTooLarge:             {http.StatusRequestEntityTooLarge, "Request too large"},
	order.CodeUnsupportedMediaType: {http.StatusUnsupportedMediaType, "Unsupported media type"},
	order.CodeValidation:           {http.StatusUnprocessableEntity, "Validation failed"},
	order.CodePriceUnavailable:     {http.StatusUnprocessableEntity, "Price unavailable"},
	order.CodeSaleClosed:           {http.StatusUnprocessableEntity, "Sale closed"},
	order.CodeIdempotencyMismatch:  {http.StatusUnprocessableEntity, "Idempotency key reused"},
	codePreconditionRequired:       {http.StatusPreconditionRequired, "Precondition required"},
	order.CodeRateLimited:          {http.StatusTooManyRequests, "Rate limit exceeded"},
	order.CodeTooManyStreams:       {http.StatusTooManyRequests, "Too many streams"},
	codeHeadersTooLarge:            {http.StatusRequestHeaderFieldsTooLarge, "Headers too large"},
	order.CodeInternal:             {http.StatusInternalServerError, "Internal error"},
	order.CodeOverloaded:           {http.StatusServiceUnavailable, "Overloaded"},
	order.CodeUnavailable:          {http.StatusServiceUnavailable, "Temporarily unavailable"},
	order.CodeOutcomeUnknown:       {http.StatusServiceUnavailable, "Outcome unknown"},
}

// appendProblem appends RFC 9457's problem details. The code repeats the end of
// the type for clients that would rather compare a word than a URI. Most of a
// sale's answers are these, so they are worth more than reflection.
func appendProblem(b []byte, k kind, e *order.Error, requestID []byte, traceID string) []byte {
	b = append(append(b, `{"type":"/problems/`...), e.Code...) // codes and titles are plain
	b = append(append(b, `","title":"`...), k.title...)
	b = strconv.AppendInt(append(b, `","status":`...), int64(k.status), 10)
	if e.Message != "" {
		b = order.AppendText(append(b, `,"detail":`...), e.Message)
	}
	b = append(append(append(b, `,"code":"`...), e.Code...), '"')
	if len(e.Fields) > 0 {
		fields, _ := order.EncodeJSON(e.Fields) // strings always marshal
		b = append(append(b, `,"errors":`...), fields...)
	}
	if len(requestID) > 0 {
		b = append(append(append(b, `,"requestId":"`...), requestID...), '"')
	}
	if traceID != "" {
		b = append(append(append(b, `,"traceId":"`...), traceID...), '"')
	}
	return append(b, '}')
}

// fail answers err and logs what an operator should know of it. The cause of
// an error never reaches the client.
func (s *Server) fail(ctx *fasthttp.RequestCtx, err error) {
	e := classify(err)
	k := kinds[e.Code]
	traced := s.traceOf(ctx)
	traceRefusal(traced, k.status, e.Code)
	s.report(ctx, e, err)

	var buffer [512]byte
	h := &ctx.Response.Header
	ctx.Response.SetStatusCode(k.status)
	h.SetContentType("application/problem+json")
	h.SetCanonical(cacheControl, noStore)
	switch k.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.SetCanonical(retryAfter, strconv.AppendInt(buffer[:0], retryIn(e.RetryAfter), 10))
	case http.StatusUnauthorized:
		if e.Code == order.CodeUnauthenticated {
			h.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		}
	}
	ctx.Response.SetBody(appendProblem(buffer[:0], k, e, requestID(ctx), tracing.ID(traced)))
}

// report logs an unknown error in full, once, and the cause of a failing
// backend at a bounded rate: an outage under load must not become a flood of
// log lines. What the client did wrong is the client's to read.
func (s *Server) report(ctx *fasthttp.RequestCtx, e *order.Error, err error) {
	switch {
	case e.Code == order.CodeInternal:
		s.cfg.Log.Error().Ctx(s.traceOf(ctx)).Err(err).Bytes("request", requestID(ctx)).
			Bytes("method", ctx.Method()).Bytes("path", ctx.Path()).Msg("request failed")
	case e.Err != nil && kinds[e.Code].status >= http.StatusInternalServerError:
		s.outages.Warn().Ctx(s.traceOf(ctx)).Err(err).Bytes("request", requestID(ctx)).Bytes("path", ctx.Path()).Msg("request refused")
	}
}

// classify returns err as an error with a code that kinds knows.
func classify(err error) *order.Error {
	if e, ok := errors.AsType[*order.Error](err); ok {
		if _, known := kinds[e.Code]; known && e.Code != order.CodeInternal {
			return e
		}
		return internal(err)
	}
	if e, ok := errors.AsType[*fiber.Error](err); ok {
		return fromFiber(e)
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return order.Wrap(err, order.CodeUnavailable, "The service cannot do this right now. Please try again.")
	}
	return internal(err)
}

func internal(err error) *order.Error {
	return order.Wrap(err, order.CodeInternal, "Something went wrong on our side. Please quote the request id.")
}

// fromFiber translates the errors that Fiber and fasthttp cause themselves.
func fromFiber(e *fiber.Error) *order.Error {
	switch e.Code {
	case http.StatusNotFound:
		return order.Errorf(order.CodeNotFound, "There is nothing at this path.")
	case http.StatusMethodNotAllowed:
		return order.Errorf(order.CodeMethodNotAllowed, "This path does not know that method.")
	case http.StatusRequestTimeout:
		return order.Errorf(codeRequestTimeout, "The request took too long to arrive.")
	case http.StatusRequestEntityTooLarge:
		return order.Errorf(order.CodeTooLarge, "The body is larger than %d bytes.", maxBody)
	case http.StatusRequestHeaderFieldsTooLarge:
		return order.Errorf(codeHeadersTooLarge, "The headers are larger than %d bytes.", maxHeaders)
	}
	if e.Code >= http.StatusInternalServerError {
		return internal(e)
	}
	return order.Errorf(codeBadRequest, "The request could not be understood.")
}

// retryIn is a Retry-After value in seconds, at least what the error asks for.
// Jitter keeps refused clients from coming back all at once.
func retryIn(atLeast time.Duration) int64 {
	seconds := int64((atLeast + time.Second - 1) / time.Second)
	return max(seconds, 1) + rand.Int64N(3)
}

// describe answers GET /problems/:code: what the type of a problem stands for.
func (s *Server) describe(c *fiber.Ctx) error {
	code := order.Code(c.Params("code"))
	k, known := kinds[code]
	if !known {
		return fiber.ErrNotFound
	}
	return c.JSON(fiber.Map{"code": code, "status": k.status, "title": k.title})
}
