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
)

// Codes that only HTTP itself can cause, so the domain does not know them.
const (
	codeBadRequest      order.Code = "bad-request"
	codeRequestTimeout  order.Code = "request-timeout"
	codeHeadersTooLarge order.Code = "headers-too-large"
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
	order.CodeTooLarge:             {http.StatusRequestEntityTooLarge, "Request too large"},
	order.CodeUnsupportedMediaType: {http.StatusUnsupportedMediaType, "Unsupported media type"},
	order.CodeValidation:           {http.StatusUnprocessableEntity, "Validation failed"},
	order.CodePriceUnavailable:     {http.StatusUnprocessableEntity, "Price unavailable"},
	order.CodeSaleClosed:           {http.StatusUnprocessableEntity, "Sale closed"},
	order.CodeIdempotencyMismatch:  {http.StatusUnprocessableEntity, "Idempotency key reused"},
	order.CodeRateLimited:          {http.StatusTooManyRequests, "Rate limit exceeded"},
	order.CodeTooManyStreams:       {http.StatusTooManyRequests, "Too many streams"},
	codeHeadersTooLarge:            {http.StatusRequestHeaderFieldsTooLarge, "Headers too large"},
	order.CodeInternal:             {http.StatusInternalServerError, "Internal error"},
	order.CodeOverloaded:           {http.StatusServiceUnavailable, "Overloaded"},
	order.CodeUnavailable:          {http.StatusServiceUnavailable, "Temporarily unavailable"},
}

// problem is RFC 9457's problem details. Code repeats the end of Type for
// clients that would rather compare a word than a URI.
type problem struct {
	Type      string             `json:"type"`
	Title     string             `json:"title"`
	Status    int                `json:"status"`
	Detail    string             `json:"detail,omitempty"`
	Code      order.Code         `json:"code"`
	Errors    []order.FieldError `json:"errors,omitempty"`
	RequestID string             `json:"requestId,omitempty"`
}

// fail answers err and logs what an operator should know of it. The cause of
// an error never reaches the client.
func (s *Server) fail(ctx *fasthttp.RequestCtx, err error) {
	e := classify(err)
	id := requestID(ctx)
	s.report(ctx, id, e, err)

	k := kinds[e.Code]
	body, _ := order.EncodeJSON(problem{ // a struct of strings and ints always marshals
		Type: "/problems/" + string(e.Code), Title: k.title, Status: k.status,
		Detail: e.Message, Code: e.Code, Errors: e.Fields, RequestID: id,
	})
	ctx.Response.SetStatusCode(k.status)
	ctx.Response.Header.SetContentType("application/problem+json")
	ctx.Response.Header.Set(fiber.HeaderCacheControl, "no-store")
	switch k.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		ctx.Response.Header.Set(fiber.HeaderRetryAfter, retryAfter(e.RetryAfter))
	case http.StatusUnauthorized:
		if e.Code == order.CodeUnauthenticated {
			ctx.Response.Header.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		}
	}
	ctx.Response.SetBody(body)
}

// report logs an unknown error in full, once, and the cause of a failing
// backend at a bounded rate: an outage under load must not become a flood of
// log lines. What the client did wrong is the client's to read.
func (s *Server) report(ctx *fasthttp.RequestCtx, id string, e *order.Error, err error) {
	switch {
	case e.Code == order.CodeInternal:
		s.cfg.Log.Error().Err(err).Str("request", id).
			Bytes("method", ctx.Method()).Bytes("path", ctx.Path()).Msg("request failed")
	case kinds[e.Code].status >= http.StatusInternalServerError && e.Err != nil:
		s.outages.Warn().Err(err).Str("request", id).Bytes("path", ctx.Path()).Msg("request refused")
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

// retryAfter is a Retry-After value in whole seconds, at least what the error
// asks for. Jitter keeps refused clients from coming back all at once.
func retryAfter(atLeast time.Duration) string {
	seconds := int((atLeast + time.Second - 1) / time.Second)
	return strconv.Itoa(max(seconds, 1) + rand.IntN(3))
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
