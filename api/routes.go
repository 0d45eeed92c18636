package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2/middleware/cors"
)

func (s *Server) routes() {
	s.healthRoutes()
	app := s.router
	app.Post("/orders", s.createOrder)
	app.Get("/orders", s.listOrders)
	app.Get("/orders/events", s.userEvents) // before :id
	app.Get("/orders/:id", s.getOrder)
	app.Get("/orders/:id/events", s.orderEvents)
	app.Get("/orders/:id/timeline", s.timeline)
	app.Post("/orders/:id/cancel", s.cancelOrder)
	app.Post("/orders/:id/payment-success", s.paymentSuccess)
	app.Post("/orders/:id/payment-failure", s.paymentFailure)
	app.Get("/products", s.listProducts)
	app.Get("/products/:id", s.getProduct)
	app.Get("/admin/products/:id", s.adminProduct)
	app.Put("/admin/products/:id", s.putProduct)
	app.Post("/admin/products/:id/restock", s.restock)
	app.Get("/board/events", s.boardEvents)
	app.Get("/problems/:code", s.describe)
	if s.cfg.DevLogin {
		app.Post("/dev/login", s.devLogin)
	}
	if s.cfg.Sandbox {
		app.Get("/sandbox/pay", s.sandboxPage)
		app.Post("/sandbox/pay", s.sandboxPay)
	}
	s.pages()
}

func (s *Server) healthRoutes() {
	app := s.router
	app.Get("/livez", s.livez)
	app.Get("/readyz", s.readyz)
}

// allowOrigins lets pages of other origins call the API (the Fetch standard's
// CORS protocol). The middleware panics on an origin it cannot use.
func (s *Server) allowOrigins() (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("CORS origins: %v", reason)
		}
	}()
	s.app.Use(cors.New(cors.Config{
		AllowOrigins:     strings.Join(s.cfg.CORSOrigins, ","),
		AllowMethods:     "GET,POST,PUT",
		AllowHeaders:     "Authorization,Content-Type,Idempotency-Key,If-None-Match,Last-Event-ID",
		ExposeHeaders:    "ETag,Location,RateLimit,RateLimit-Policy,Retry-After,X-Request-Id",
		AllowCredentials: !slices.Contains(s.cfg.CORSOrigins, "*"), // the stream cookie, for explicit origins only
		MaxAge:           600,
	}))
	return nil
}
