package api

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"order-service/failpoint"
	"order-service/order"
)

// createOrder answers POST /orders.
func (s *Server) createOrder(c *fiber.Ctx) error {
	begun := time.Now()
	err := s.placeOrder(c)
	s.deps.IntakeMeter.Ordered(codeOf(err), time.Since(begun))
	return err
}

// placeOrder writes the 202 or returns why there is none. Its steps are in the
// order of their cost: who, how often, what, is there room, is there stock,
// written.
func (s *Server) placeOrder(c *fiber.Ctx) error {
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
	if err := s.shed(); err != nil {
		return err
	}
	ctx, cancel := s.context()
	defer cancel()
	id, err := s.accept(ctx, req)
	if err != nil {
		return err
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

// shed refuses what would wait longer than the budget, before anything is
// taken: late answers under overload help nobody.
func (s *Server) shed() error {
	if s.cfg.IntakeBudget == 0 || s.deps.Intake.Wait() <= s.cfg.IntakeBudget {
		return nil
	}
	return &order.Error{
		Code: order.CodeOverloaded, Message: "Too many orders are waiting. Please try again in a moment.",
		RetryAfter: time.Second,
	}
}

// accept holds stock in the gate and writes the order; the id it returns is
// that of an order that exists. A key is honoured before price, window and
// stock, so a retry of an accepted order is never refused.
func (s *Server) accept(ctx context.Context, req order.Request) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.UUID{}, err
	}
	hold := order.HoldRequest{Request: req, OrderID: id}
	if req.Key != "" {
		hold.Hash = req.Hash()
	}
	held, err := s.hold(ctx, hold)
	switch {
	case err != nil && req.Key != "" && refusal(err):
		return s.earlier(ctx, hold, err)
	case err != nil:
		return uuid.UUID{}, err
	case held.Seen:
		return s.again(ctx, hold, held)
	}
	return s.persist(ctx, hold, held.UnitPrice)
}

func (s *Server) hold(ctx context.Context, r order.HoldRequest) (order.Held, error) {
	begun := time.Now()
	held, err := s.deps.Gate.Hold(ctx, r)
	s.deps.IntakeMeter.Held(codeOf(err), held.Seen, time.Since(begun))
	return held, err
}

// refusal reports whether the gate said no, rather than that it cannot tell.
func refusal(err error) bool {
	switch order.CodeOf(err) {
	case order.CodeSoldOut, order.CodePriceChanged, order.CodePurchaseLimit, order.CodePriceUnavailable, order.CodeSaleClosed:
		return true
	}
	return false
}

// earlier answers with the order that the key already has, or with the
// gate's refusal when there is none.
func (s *Server) earlier(ctx context.Context, hold order.HoldRequest, refused error) (uuid.UUID, error) {
	first, found, err := s.deps.Intake.Lookup(ctx, hold.UserID, hold.Key)
	if err != nil {
		return uuid.UUID{}, err
	}
	if !found {
		return uuid.UUID{}, refused
	}
	return sameRequest(first.OrderID, first.Hash, hold.Hash)
}

// again handles a key that the gate has seen. Where its order was never
// written, because a process died between gate and commit or is at it right
// now, the order is held and written under the id the key already has: both
// writers then mean the same row.
func (s *Server) again(ctx context.Context, hold order.HoldRequest, seen order.Held) (uuid.UUID, error) {
	if id, err := sameRequest(seen.OrderID, seen.Hash, hold.Hash); err != nil {
		return id, err
	}
	first, found, err := s.deps.Intake.Lookup(ctx, hold.UserID, hold.Key)
	if err != nil {
		return uuid.UUID{}, err
	}
	if found {
		return sameRequest(first.OrderID, first.Hash, hold.Hash)
	}
	hold.OrderID, hold.Retry = seen.OrderID, true
	held, err := s.hold(ctx, hold)
	switch {
	case err != nil && refusal(err): // written since the look-up, and sold out or dearer by now
		return s.earlier(ctx, hold, err)
	case err != nil:
		return uuid.UUID{}, err
	}
	return s.persist(ctx, hold, held.UnitPrice)
}

// sameRequest returns id when both bodies hash alike, else CodeIdempotencyMismatch.
func sameRequest(id uuid.UUID, first, now []byte) (uuid.UUID, error) {
	if !bytes.Equal(first, now) {
		return uuid.UUID{}, order.Errorf(order.CodeIdempotencyMismatch, "This Idempotency-Key was used for a different order.")
	}
	return id, nil
}

// persist writes a held order. The hold is dropped at once when there will be
// no order under this id. When that is unknown it stays: the gate's reap asks
// the database later.
func (s *Server) persist(ctx context.Context, hold order.HoldRequest, price order.Money) (uuid.UUID, error) {
	amount, err := price.Times(hold.Quantity)
	if err != nil {
		s.drop(ctx, hold)
		return uuid.UUID{}, err
	}
	if err := failpoint.Hit(failpoint.IntakeHeld); err != nil {
		return uuid.UUID{}, s.notWritten(ctx, hold, err)
	}
	got, err := s.deps.Intake.Insert(ctx, intent(hold, price, amount))
	if err != nil {
		return uuid.UUID{}, s.notWritten(ctx, hold, err)
	}
	if got.OrderID == hold.OrderID {
		return got.OrderID, nil
	}
	s.drop(ctx, hold)
	return sameRequest(got.OrderID, got.Hash, hold.Hash)
}

func intent(hold order.HoldRequest, price, amount order.Money) order.Intent {
	now := time.Now().UTC().Truncate(time.Microsecond) // as Postgres will keep it
	return order.Intent{
		Order: order.Order{
			ID: hold.OrderID, UserID: hold.UserID, ProductID: hold.ProductID, Quantity: hold.Quantity,
			UnitPrice: price.Amount, Amount: amount.Amount, Currency: amount.Currency,
			Status: order.Pending, Seq: 1, CreatedAt: now, UpdatedAt: now,
		},
		Key: hold.Key, Hash: hold.Hash,
	}
}

// notWritten gives the hold of a failed insert back, if that is safe, and
// returns what the client is told. A hold under a key's known id may be that of
// another request which is about to commit, so it too is left to reap.
func (s *Server) notWritten(ctx context.Context, hold order.HoldRequest, err error) error {
	if s.deps.Unwritten(err) && !hold.Retry {
		s.drop(ctx, hold)
	}
	if order.CodeOf(err) != order.CodeInternal {
		return err
	}
	return &order.Error{
		Code: order.CodeUnavailable, Err: err, RetryAfter: time.Second + rand.N(time.Second),
		Message: "The order could not be confirmed as accepted. Repeat it with the same Idempotency-Key to be sure.",
	}
}

func (s *Server) drop(ctx context.Context, hold order.HoldRequest) {
	if err := s.deps.Gate.Drop(ctx, hold.ProductID, hold.OrderID); err != nil {
		s.outages.Warn().Err(err).Stringer("order", hold.OrderID).Msg("hold not dropped; reap will")
	}
}

// accepted writes the 202. Every field is of a harmless alphabet, so the hot
// path needs no encoder.
func accepted(c *fiber.Ctx, id uuid.UUID) error {
	text := id.String()
	c.Set(fiber.HeaderLocation, "/orders/"+text)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(fiber.StatusAccepted).SendString(
		`{"orderId":"` + text + `","status":"PENDING","message":"` + order.Message(order.Pending, "") + `"}`)
}
