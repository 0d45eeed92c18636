package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
	"github.com/valyala/fasthttp"
)

// What pages of other origins may send and read, besides what every page may
// (the Fetch standard, section 3.2). It is all that openapi.yaml speaks of; a
// test compares them.
const (
	corsMethods = "GET,POST,PUT"
	corsSent    = "Authorization,Content-Type,Idempotency-Key,If-Match,If-None-Match,Last-Event-ID,X-Request-Id"
	corsRead    = "Allow,ETag,Location,RateLimit,RateLimit-Policy,Retry-After,X-Request-Id"
)

// allowOrigins lets pages of other origins call the API. Fiber's middleware
// decides, in an app of its own: it is asked before the routes, and also of
// answers to requests that never get to them, which a page could otherwise not
// read. It panics on an origin it cannot use.
func (s *Server) allowOrigins() (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("CORS origins: %v", reason)
		}
	}()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(cors.New(cors.Config{
		AllowOrigins:     strings.Join(s.cfg.CORSOrigins, ","),
		AllowMethods:     corsMethods,
		AllowHeaders:     corsSent,
		ExposeHeaders:    corsRead,
		AllowCredentials: !slices.Contains(s.cfg.CORSOrigins, "*"), // the stream cookie, for explicit origins only
		MaxAge:           600,
	}), func(*fiber.Ctx) error { return nil })
	s.cors = app.Handler()
	return nil
}

// preflight gives the answer its CORS headers and reports whether it is
// complete with them.
func (s *Server) preflight(ctx *fasthttp.RequestCtx) bool {
	if s.cors == nil {
		return false
	}
	s.cors(ctx)
	return ctx.Response.StatusCode() == http.StatusNoContent
}
