package api

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
)

// resource is a path and what can be done with it.
type resource struct {
	pattern string
	methods []string
}

// knows notes a route. OPTIONS is asked of every resource (RFC 9110, section
// 9.3.7).
func (r *router) knows(pattern string, methods ...string) {
	i := slices.IndexFunc(r.resources, func(known resource) bool { return known.pattern == pattern })
	if i < 0 {
		r.resources = append(r.resources, resource{pattern, append(methods, fiber.MethodOptions)})
		return
	}
	r.resources[i].methods = append(methods, r.resources[i].methods...)
}

// allow is the Allow of a path. Fiber's own lists the methods of every pattern
// that matches, which for /orders/events are also those of /orders/:id.
func (r *router) allow(path string) string {
	for _, known := range r.resources {
		if fiber.RoutePatternMatch(path, known.pattern, fiber.Config{CaseSensitive: true}) {
			return strings.Join(known.methods, ", ")
		}
	}
	return ""
}

// everything is the Allow of the server as a whole, which is what "*" stands for.
const everything = "GET, HEAD, POST, PUT, OPTIONS"

// notAllowed answers a method that the path does not know, which 405 owes its
// Allow, and OPTIONS, which asks for nothing else.
func (s *Server) notAllowed(c *fiber.Ctx) {
	allow := s.router.allow(c.Path())
	c.Set(fiber.HeaderAllow, allow)
	if c.Method() == fiber.MethodOptions {
		c.Status(fiber.StatusNoContent)
		return
	}
	s.fail(c.Context(), fiber.ErrMethodNotAllowed)
}

// recognise lets Fiber route a method that it has never heard of, and would
// answer by itself, as one that no route has.
func (s *Server) recognise(ctx *fasthttp.RequestCtx) {
	if !slices.Contains(s.app.Config().RequestMethods, utils.UnsafeString(ctx.Method())) {
		ctx.Request.Header.SetMethod(fiber.MethodTrace)
	}
}

// respell decodes what need not have been encoded in a path: %6F is o, and both
// are the same path (RFC 3986, section 6.2.2.2). Nothing else is decoded: %2F
// is part of a name, / is not.
func respell(ctx *fasthttp.RequestCtx) {
	target := ctx.RequestURI()
	path, query, queried := strings.Cut(utils.UnsafeString(target), "?")
	if !strings.Contains(path, "%") {
		return
	}
	spelt := appendSpelt(make([]byte, 0, len(target)), path)
	if queried {
		spelt = append(append(spelt, '?'), query...)
	}
	ctx.Request.SetRequestURIBytes(spelt)
}

// appendSpelt appends path with its unreserved characters decoded.
func appendSpelt(b []byte, path string) []byte {
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if c, ok := unreserved(path[i+1 : i+3]); ok {
				b = append(b, c)
				i += 2
				continue
			}
		}
		b = append(b, path[i])
	}
	return b
}

// unreserved is the character that two hexadecimal digits stand for, if it is
// an unreserved one (RFC 3986, section 2.3).
func unreserved(digits string) (byte, bool) {
	c, err := strconv.ParseUint(digits, 16, 8)
	letter := 'a' <= c|0x20 && c|0x20 <= 'z'
	return byte(c), err == nil && (letter || '0' <= c && c <= '9' || strings.IndexByte("-._~", byte(c)) >= 0)
}
