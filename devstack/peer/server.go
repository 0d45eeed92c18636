package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"order-service/order"
)

// Settings of the server, as in api/server.go and api/body.go.
const (
	maxBody        = 64 << 10
	maxHeaders     = 16 << 10
	readTimeout    = 10 * time.Second
	writeTimeout   = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	requestTimeout = 20 * time.Second // a new topic on a busy broker takes some
)

// server answers POST /orders and GET /orders/:id.
type server struct {
	app  *fiber.App
	auth *authenticator
	take taker
	sent *requests
	base context.Context // of all requests
}

func newServer(secret string, take taker, sent *requests) *server {
	s := &server{auth: newAuthenticator(secret), take: take, sent: sent}
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage: true, DisablePreParseMultipartForm: true, CaseSensitive: true,
		BodyLimit: maxBody, ReadBufferSize: maxHeaders,
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorHandler: refuse,
	})
	s.app.Post("/orders", s.post)
	s.app.Get("/orders/:id", s.get)
	s.app.Get("/readyz", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusOK) })
	s.app.Get("/metrics", s.metrics)
	return s
}

// serve answers until ctx ends, and finishes what is under way.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	s.base = context.WithoutCancel(ctx)
	var ending sync.WaitGroup
	defer ending.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ending.Go(func() {
		<-ctx.Done()
		_ = s.app.ShutdownWithTimeout(requestTimeout) // what is still under way after it has no client
	})
	return s.app.Listener(listener)
}

// request is the body of POST /orders.
type request struct {
	ProductID string `json:"productId"`
	Quantity  int    `json:"quantity"`
	UnitPrice *int64 `json:"unitPrice"`
}

func (s *server) post(c *fiber.Ctx) error {
	user, err := s.auth.user(c)
	if err != nil {
		return err
	}
	var r request
	if err := json.Unmarshal(c.BodyRaw(), &r); err != nil {
		return order.Errorf(order.CodeMalformedJSON, "The body is not a JSON object.")
	}
	if err := (order.Request{ProductID: r.ProductID, Quantity: r.Quantity, UnitPrice: r.UnitPrice}).Validate(); err != nil {
		return err
	}
	o, err := pending(user, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.base, requestTimeout)
	defer cancel()
	if err := s.take(ctx, o); err != nil {
		return err
	}
	return accepted(c, o.ID)
}

// pending is the order that r asks for. Its strings are copies, of the token
// and of the JSON: fasthttp reuses the request's memory.
func pending(user string, r request) (order.Order, error) {
	id, err := uuid.NewV7()
	return order.Order{
		ID: id, UserID: user, ProductID: r.ProductID, Quantity: r.Quantity, Currency: "EUR", CreatedAt: time.Now().UTC(),
	}, err
}

// accepted is what order-service answers.
func accepted(c *fiber.Ctx, id uuid.UUID) error {
	text := id.String()
	c.Set(fiber.HeaderLocation, "/orders/"+text)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(fiber.StatusAccepted).SendString(
		`{"orderId":"` + text + `","status":"PENDING","message":"` + order.Message(order.Pending, "") + `"}`)
}

// get answers with an order that is always the same.
func (s *server) get(c *fiber.Ctx) error {
	if _, err := s.auth.user(c); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderETag, `"1"`)
	return c.SendString(`{"orderId":"` + c.Params("id") + `","status":"PENDING","seq":1,"productId":"bench","quantity":1,` +
		`"unitPrice":1250,"amount":1250,"currency":"EUR","createdAt":"2026-01-31T12:00:00.000Z","updatedAt":"2026-01-31T12:00:00.000Z"}`)
}

// metrics tells what order-service counts under the same name.
func (s *server) metrics(c *fiber.Ctx) error {
	return c.SendString(fmt.Sprintf("order_service_kafka_produce_requests_total %d\n", s.sent.Load()))
}

// refuse answers with a problem.
func refuse(c *fiber.Ctx, err error) error {
	status, code := fiber.StatusServiceUnavailable, order.CodeUnavailable
	switch {
	case order.CodeOf(err) == order.CodeUnauthenticated:
		status, code = fiber.StatusUnauthorized, order.CodeUnauthenticated
	case order.CodeOf(err) == order.CodeMalformedJSON:
		status, code = fiber.StatusBadRequest, order.CodeMalformedJSON
	case order.CodeOf(err) == order.CodeValidation:
		status, code = fiber.StatusUnprocessableEntity, order.CodeValidation
	}
	if e, ok := errors.AsType[*fiber.Error](err); ok {
		status = e.Code
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Status(status).SendString(`{"code":"` + string(code) + `"}`)
}
