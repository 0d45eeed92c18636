package api

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

// adminView is a product with what only administrators see.
type adminView struct {
	productView
	PerUserLimit int        `json:"perUserLimit,omitempty"`
	Ledger       ledgerView `json:"ledger"`
}

type ledgerView struct {
	Total     int64 `json:"total"`
	Available int64 `json:"available"`
	Reserved  int64 `json:"reserved"`
	Confirmed int64 `json:"confirmed"`
}

func (s *Server) adminProduct(c *fiber.Ctx) error {
	return s.administer(c, s.deps.Products.Product)
}

// putProduct answers PUT /admin/products/:id, which creates or replaces, under
// the condition that the request sets.
func (s *Server) putProduct(c *fiber.Ctx) error {
	return s.administer(c, func(ctx context.Context, id string) (order.Product, error) {
		p, err := readProduct(c, id)
		if err != nil {
			return p, err
		}
		when := preconditionOf(c)
		if s.cfg.RequireIfMatch && !when.given() {
			return p, order.Errorf(codePreconditionRequired, "Send the ETag that you have read as If-Match, or If-None-Match: * to create the product.")
		}
		p, err = s.deps.Products.PutProduct(ctx, p, when.allows)
		return p, s.published(ctx, p, err)
	})
}

func readProduct(c *fiber.Ctx, id string) (order.Product, error) {
	b, err := readBody(c, maxBody)
	if err != nil {
		return order.Product{}, err
	}
	p := order.Product{
		ID: id, Name: b.text("name"), UnitPrice: b.integer("unitPrice"), Currency: b.text("currency"),
		Ledger:   order.Ledger{Total: b.integer("stock")},
		StartsAt: b.optionalTime("startsAt"), EndsAt: b.optionalTime("endsAt"),
	}
	if limit := b.optionalInteger("perUserLimit"); limit != nil {
		p.PerUserLimit = int(*limit)
	}
	return p, b.check(p.Validate())
}

// restock answers POST /admin/products/:id/restock, which adds units.
func (s *Server) restock(c *fiber.Ctx) error {
	return s.administer(c, func(ctx context.Context, id string) (order.Product, error) {
		b, err := readBody(c, maxBody)
		if err != nil {
			return order.Product{}, err
		}
		key, err := idempotencyKey(c)
		if err != nil {
			return order.Product{}, err
		}
		quantity := b.integer("quantity")
		if err := b.check(order.ValidRestock(quantity)); err != nil {
			return order.Product{}, err
		}
		p, err := s.deps.Products.Restock(ctx, id, quantity, key)
		return p, s.published(ctx, p, err)
	})
}

// administer lets an administrator do what do does with the product of the
// path, and answers with the product and its entity tag. The id is a copy.
func (s *Server) administer(c *fiber.Ctx, do func(ctx context.Context, id string) (order.Product, error)) error {
	if _, err := s.caller(c, roleAdmin); err != nil {
		return err
	}
	ctx, cancel := s.context()
	defer cancel()
	p, err := do(ctx, strings.Clone(c.Params("id")))
	if err != nil {
		return err
	}
	c.Response().Header.SetBytesK(eTag, productTag(&p))
	view := adminView{PerUserLimit: p.PerUserLimit, Ledger: ledgerView(p.Ledger)}
	buyers := []order.Product{p}
	s.atGate(ctx, buyers)
	view.productView = viewProduct(buyers[0])
	return c.JSON(view)
}

// published brings a successful write to the gate at once. When that fails the
// write still stands, and the gate's own sync brings it within a second of Redis answering.
func (s *Server) published(ctx context.Context, p order.Product, err error) error {
	if err != nil {
		return err
	}
	s.products.Forget()
	if err := s.deps.GateSync.Now(ctx, p); err != nil {
		s.outages.Warn().Err(err).Str("product", p.ID).Msg("written, but not yet at the gate")
	}
	return nil
}
