package api

import (
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"order-service/order"
)

// Page sizes of GET /orders.
const (
	defaultPage = 20
	maxPage     = 100
)

// orderView is an order as clients see it.
type orderView struct {
	OrderID       uuid.UUID    `json:"orderId"`
	Status        order.Status `json:"status"`
	Seq           int64        `json:"seq"`
	ProductID     string       `json:"productId"`
	Quantity      int          `json:"quantity"`
	UnitPrice     int64        `json:"unitPrice"`
	Amount        int64        `json:"amount"`
	Currency      string       `json:"currency"`
	PaymentID     string       `json:"paymentId,omitempty"`
	PaymentURL    string       `json:"paymentUrl,omitempty"`
	FailureReason order.Reason `json:"failureReason,omitempty"`
	ExpiresAt     order.Time   `json:"expiresAt,omitzero"`
	CreatedAt     order.Time   `json:"createdAt"`
	UpdatedAt     order.Time   `json:"updatedAt"`
}

func viewOrder(o order.Order) orderView {
	return orderView{
		OrderID: o.ID, Status: o.Status, Seq: o.Seq, ProductID: o.ProductID, Quantity: o.Quantity,
		UnitPrice: o.UnitPrice, Amount: o.Amount, Currency: o.Currency,
		PaymentID: o.PaymentID, PaymentURL: o.PaymentURL, FailureReason: o.FailureReason,
		ExpiresAt: order.Time{Time: o.ExpiresAt}, CreatedAt: order.Time{Time: o.CreatedAt}, UpdatedAt: order.Time{Time: o.UpdatedAt},
	}
}

// appendJSON appends v as order.EncodeJSON would write it: buyers who wait ask
// for their order over and over.
func (v orderView) appendJSON(b []byte) []byte {
	b = order.AppendID(append(b, `{"orderId":"`...), v.OrderID)
	b = order.AppendText(append(b, `","status":`...), string(v.Status))
	b = strconv.AppendInt(append(b, `,"seq":`...), v.Seq, 10)
	b = order.AppendText(append(b, `,"productId":`...), v.ProductID)
	b = strconv.AppendInt(append(b, `,"quantity":`...), int64(v.Quantity), 10)
	b = strconv.AppendInt(append(b, `,"unitPrice":`...), v.UnitPrice, 10)
	b = strconv.AppendInt(append(b, `,"amount":`...), v.Amount, 10)
	b = order.AppendText(append(b, `,"currency":`...), v.Currency)
	b = appendOptional(b, `,"paymentId":`, v.PaymentID)
	b = appendOptional(b, `,"paymentUrl":`, v.PaymentURL)
	b = appendOptional(b, `,"failureReason":`, string(v.FailureReason))
	if !v.ExpiresAt.IsZero() {
		b = v.ExpiresAt.AppendJSON(append(b, `,"expiresAt":`...))
	}
	b = v.CreatedAt.AppendJSON(append(b, `,"createdAt":`...))
	b = v.UpdatedAt.AppendJSON(append(b, `,"updatedAt":`...))
	return append(b, '}')
}

// appendOptional appends a member, with what stands before its value, unless it
// is empty.
func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return order.AppendText(append(b, name...), value)
}

// statusView answers requests that act on an order.
type statusView struct {
	OrderID         uuid.UUID    `json:"orderId"`
	Status          order.Status `json:"status"`
	CancelRequested bool         `json:"cancelRequested,omitempty"`
}

// eventView is one line of a timeline.
type eventView struct {
	Seq     int64        `json:"seq"`
	Status  order.Status `json:"status"`
	Message string       `json:"message"`
	Reason  order.Reason `json:"reason,omitempty"`
	At      order.Time   `json:"at"`
}

// getOrder answers GET /orders/:id, with ?wait= as a long poll.
func (s *Server) getOrder(c *fiber.Ctx) error {
	wait, err := waitFor(c)
	if err != nil {
		return err
	}
	who, err := s.caller(c, roleUser, roleAdmin)
	if err != nil {
		return err
	}
	o, err := s.readable(s.base, c, who) // a read bounds its own time
	if err != nil {
		return err
	}
	known := c.Get(fiber.HeaderIfNoneMatch)
	if wait > 0 && !o.Status.Final() && listed(known, etag(o.Seq)) {
		if o, err = s.longPoll(who, o, wait); err != nil {
			return err
		}
	}
	tag := etag(o.Seq)
	h := &c.Response().Header
	h.SetBytesK(eTag, tag)
	h.SetCanonical(cacheControl, revalidated)
	if listed(known, tag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	var buffer [512]byte
	body, placed := s.appendPlaced(buffer[:0], viewOrder(o))
	if placed { // the place moves while the seq, and so the tag, stays
		h.SetBytesK(eTag, "W/"+tag)
	}
	h.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SetBody(body)
	return nil
}

// readable returns the order of the path when the caller owns it or is an
// administrator. Someone else's is CodeOrderNotFound, as if it were not there.
func (s *Server) readable(ctx context.Context, c *fiber.Ctx, who caller) (order.Order, error) {
	o, err := s.find(ctx, c)
	if err == nil && o.UserID != who.userID && !who.has(roleAdmin) {
		err = orderNotFound()
	}
	return o, err
}

// find returns the order of the path, whoever owns it. One that is not there
// looks, to the byte, like someone else's: the store's own words would tell.
func (s *Server) find(ctx context.Context, c *fiber.Ctx) (order.Order, error) {
	id, err := orderID(c)
	if err != nil {
		return order.Order{}, err
	}
	o, err := s.deps.Orders.Order(ctx, id)
	if order.CodeOf(err) == order.CodeOrderNotFound {
		err = orderNotFound()
	}
	return o, err
}

// owned is readable for its owner alone.
func (s *Server) owned(ctx context.Context, c *fiber.Ctx, who caller) (order.Order, error) {
	o, err := s.find(ctx, c)
	if err == nil && o.UserID != who.userID {
		err = orderNotFound()
	}
	return o, err
}

// listOrders answers GET /orders: the caller's own, newest first. The cursor
// is the id of the last order that was looked at; ids sort by creation.
func (s *Server) listOrders(c *fiber.Ctx) error {
	who, err := s.caller(c, roleUser)
	if err != nil {
		return err
	}
	status, before, limit, err := page(c)
	if err != nil {
		return err
	}
	ctx, cancel := s.context()
	defer cancel()
	orders, next, err := s.deps.Orders.List(ctx, who.userID, status, before, limit)
	if err != nil {
		return err
	}
	var answer struct {
		Orders     []orderView `json:"orders"`
		NextCursor string      `json:"nextCursor,omitempty"`
	}
	if next != uuid.Nil {
		answer.NextCursor = next.String()
	}
	answer.Orders = make([]orderView, len(orders))
	for i, o := range orders {
		answer.Orders[i] = viewOrder(o)
	}
	return c.JSON(answer)
}

// page reads the parameters of a list. One that is there and empty is as wrong
// as any other that is not what openapi.yaml says.
func page(c *fiber.Ctx) (status order.Status, before uuid.UUID, limit int, err error) {
	if text, given := queried(c, "status"); given {
		if status, err = order.ParseStatus(strings.Clone(text)); err != nil {
			return
		}
	}
	if text, given := queried(c, "cursor"); given {
		if before, err = parseUUID(text); err != nil {
			return "", before, 0, order.Invalid("cursor", "must be a nextCursor of this list")
		}
	}
	limit = defaultPage
	if text, given := queried(c, "limit"); given {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPage {
			return "", before, 0, order.Invalid("limit", "must be from 1 to 100")
		}
	}
	return status, before, limit, nil
}

// timeline answers GET /orders/:id/timeline: every status the order has had.
func (s *Server) timeline(c *fiber.Ctx) error {
	who, err := s.caller(c, roleUser, roleAdmin)
	if err != nil {
		return err
	}
	ctx, cancel := s.context()
	defer cancel()
	o, err := s.readable(ctx, c, who)
	if err != nil {
		return err
	}
	history, err := s.deps.Orders.History(ctx, o.ID, 0)
	if err != nil {
		return err
	}
	events := make([]eventView, len(history))
	for i, e := range history {
		events[i] = eventView{Seq: e.Seq, Status: e.Status, Message: e.Message, Reason: e.Reason, At: e.OccurredAt}
	}
	return c.JSON(fiber.Map{"events": events})
}
