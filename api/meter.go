package api

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"order-service/order"
)

// Meter is told of every answer. It must not block.
type Meter interface {
	// Route returns what to call for the answers of one route.
	Route(method, route string) func(status int, took time.Duration)
	// StrayReport is told of a signed report about an order that nobody knows, or
	// about a payment of another order; the event is one of two.
	StrayReport(event string)
}

// IntakeMeter is told what becomes of requests to place an order. It must not
// block.
type IntakeMeter interface {
	// Ordered is told of every answer to a buyer; code is "" for a 202, and
	// traceID unless the order is traced.
	Ordered(code order.Code, took time.Duration, traceID string)
}

// unmetered stands in for the meters that nobody gave.
type unmetered struct{}

func (unmetered) Route(string, string) func(int, time.Duration) { return func(int, time.Duration) {} }
func (unmetered) StrayReport(string)                            {}
func (unmetered) Ordered(order.Code, time.Duration, string)     {}

// router registers routes whose answers are measured under their template, and
// never under a path, of which there are as many as clients can think of.
type router struct {
	app       *fiber.App
	meter     Meter
	page      func(status int, took time.Duration) // told of every file of the pages
	none      func(status int, took time.Duration) // told of what is no route
	resources []resource                           // in the order of their registration
}

func newRouter(app *fiber.App, meter Meter) *router {
	return &router{app: app, meter: meter, page: meter.Route(fiber.MethodGet, "pages"), none: meter.Route("any", "none")}
}

// Get also registers HEAD, which is measured as GET.
func (r *router) Get(path string, h fiber.Handler) {
	r.readable(path, r.meter.Route(fiber.MethodGet, path), h)
}

// Page registers a file of the pages.
func (r *router) Page(path string, h fiber.Handler) { r.readable(path, r.page, h) }

func (r *router) readable(path string, report func(int, time.Duration), h fiber.Handler) {
	r.knows(path, fiber.MethodGet, fiber.MethodHead)
	r.app.Get(path, measured(report, h))
}

// Stream registers a GET whose answer has no end, so that there is no HEAD to
// tell the headers of it, and whatever /orders/:id says to HEAD is not asked.
func (r *router) Stream(path string, h fiber.Handler) {
	report := r.meter.Route(fiber.MethodGet, path)
	r.knows(path, fiber.MethodGet)
	r.app.Add(fiber.MethodGet, path, measured(report, h))
	r.app.Head(path, measured(report, func(*fiber.Ctx) error { return fiber.ErrMethodNotAllowed }))
}

// Post registers a POST.
func (r *router) Post(path string, h fiber.Handler) { r.writable(fiber.MethodPost, path, h) }

// Put registers a PUT.
func (r *router) Put(path string, h fiber.Handler) { r.writable(fiber.MethodPut, path, h) }

func (r *router) writable(method, path string, h fiber.Handler) {
	r.knows(path, method)
	r.app.Add(method, path, measured(r.meter.Route(method, path), h))
}

// reportKey is where a request keeps what its answer is reported to.
type reportKey struct{}

// measured leaves the report to wrap, because only there is an error an answer.
func measured(report func(int, time.Duration), h fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Context().SetUserValue(reportKey{}, report)
		return h(c)
	}
}

// measure reports the answer in ctx, and ends its span.
func (s *Server) measure(ctx *fasthttp.RequestCtx) {
	report, routed := ctx.UserValue(reportKey{}).(func(int, time.Duration))
	if !routed {
		report = s.router.none
	}
	report(ctx.Response.StatusCode(), time.Since(ctx.Time()))
	endTrace(ctx)
}

// codeOf is the code that a client sees for err; "" for nil.
func codeOf(err error) order.Code {
	if err == nil {
		return ""
	}
	return classify(err).Code
}
