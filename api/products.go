package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
)

const (
	productsTTL     = 250 * time.Millisecond
	productsTimeout = 3 * time.Second
)

// productView is a product as buyers see it. Available is what the gate would
// still admit, which runs ahead of the ledger.
type productView struct {
	ProductID  string          `json:"productId"`
	Name       string          `json:"name"`
	UnitPrice  int64           `json:"unitPrice"`
	Currency   string          `json:"currency"`
	Available  int64           `json:"available"`
	State      order.SaleState `json:"state"`
	StartsAt   order.Time      `json:"startsAt,omitzero"`
	EndsAt     order.Time      `json:"endsAt,omitzero"`
	ServerTime order.Time      `json:"serverTime"` // for countdowns
}

func viewProduct(p order.Product) productView {
	now := time.Now()
	return productView{
		ProductID: p.ID, Name: p.Name, UnitPrice: p.UnitPrice, Currency: p.Currency,
		Available: p.Ledger.Available, State: p.State(now),
		StartsAt: order.Time{Time: p.StartsAt}, EndsAt: order.Time{Time: p.EndsAt}, ServerTime: order.Time{Time: now},
	}
}

func (s *Server) listProducts(c *fiber.Ctx) error {
	products, err := s.products.Get(s.base)
	if err != nil {
		return err
	}
	views := make([]productView, len(products))
	for i, p := range products {
		views[i] = viewProduct(p)
	}
	return c.JSON(fiber.Map{"products": views})
}

func (s *Server) getProduct(c *fiber.Ctx) error {
	products, err := s.products.Get(s.base)
	if err != nil {
		return err
	}
	for _, p := range products {
		if p.ID == c.Params("id") {
			return c.JSON(viewProduct(p))
		}
	}
	return order.Errorf(order.CodeProductNotFound, "There is no such product.")
}

// loadProducts reads all products, each with the gate's free units as its
// available ones where the gate knows it.
func (s *Server) loadProducts(ctx context.Context) ([]order.Product, error) {
	products, err := s.deps.Products.Products(ctx)
	if err != nil {
		return nil, err
	}
	s.atGate(ctx, products)
	return products, nil
}

// atGate puts what the gate would still admit in the place of what the ledger
// has available.
func (s *Server) atGate(ctx context.Context, products []order.Product) {
	ids := make([]string, len(products))
	for i := range products {
		ids[i] = products[i].ID
	}
	stocks, err := s.deps.Gate.Stocks(ctx, ids...)
	if err != nil {
		s.outages.Warn().Err(err).Msg("the gate cannot be read; products show the ledger")
	}
	for i := range products {
		if stock, known := stocks[ids[i]]; known {
			products[i].Ledger.Available = stock.Free()
		}
	}
}
