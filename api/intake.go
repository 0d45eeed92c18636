package api

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"order-service/order"
	"order-service/tracing"
)

// createOrder answers POST /orders.
func (s *Server) createOrder(c *fiber.Ctx) error {
	err := s.placeOrder(c)
	s.deps.IntakeMeter.Ordered(codeOf(err), time.Since(c.Context().Time()), tracing.ID(recorded(c.Context())))
	return err
}

// placeOrder writes the 202 or returns why there is none. Its steps are in the
// order of their cost: whether at all, who, how often, what, accepted. Under
// overload most requests end at the first, and what they cost is taken from the
// others. The last one bounds its own time.
func (s *Server) placeOrder(c *fiber.Ctx) error {
	if err := s.deps.Intake.Refusal(); err != nil {
		return err
	}
	who, err := s.caller(c, roleUser)
	if err != nil {
		return err
	}
	if err := s.limits.allow(c, who.userID); err != nil {
		return err
	}
	req, err := readOrder(c, who.userID)
	if err != nil {
		return err
	}
	ctx := s.enterTrace(c, req) // without an end: fasthttp does not tell when a client leaves
	id, err := s.deps.Intake.Accept(ctx, req)
	if err != nil {
		return err
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(tracing.OrderID(id))
	}
	return accepted(c, id)
}

// readOrder parses and validates the request. Its strings are copies.
func readOrder(c *fiber.Ctx, userID string) (order.Request, error) {
	b, err := readBody(c, maxOrder)
	if err != nil {
		return order.Request{}, err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return order.Request{}, err
	}
	req := order.Request{
		UserID: userID, Key: key,
		ProductID: b.text("productId"), Quantity: int(b.integer("quantity")), UnitPrice: b.optionalInteger("unitPrice"),
	}
	return req, b.check(req.Validate())
}

// accepted writes the 202. Every field is of a harmless alphabet, so the hot
// path needs no encoder.
func accepted(c *fiber.Ctx, id uuid.UUID) error {
	var buffer [256]byte
	r := c.Response()
	r.SetStatusCode(fiber.StatusAccepted)
	r.Header.SetContentType(fiber.MIMEApplicationJSON)
	r.Header.SetCanonical(location, order.AppendID(append(buffer[:0], "/orders/"...), id))
	b := order.AppendID(append(buffer[:0], `{"orderId":"`...), id)
	b = append(append(b, `","status":"PENDING","message":"`...), order.Message(order.Pending, "")...)
	r.SetBody(append(b, `"}`...))
	return nil
}
