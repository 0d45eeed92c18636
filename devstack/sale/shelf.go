package sale

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"order-service/devstack/token"
)

// Product is a product on sale, as PUT /admin/products/{id} takes it.
type Product struct {
	ID           string    `json:"-"`
	Name         string    `json:"name"`
	UnitPrice    int64     `json:"unitPrice"` // minor units
	Currency     string    `json:"currency"`
	Stock        int64     `json:"stock"`
	PerUserLimit int       `json:"perUserLimit,omitempty"`
	StartsAt     time.Time `json:"startsAt,omitzero"`
}

// Shelf puts products on sale through the admin API.
type Shelf struct {
	client
	secret string
}

// NewShelf returns the shelf of the service at url, whose JWT_SECRET is secret.
func NewShelf(url, secret string) *Shelf {
	return &Shelf{client{http: http.DefaultClient, base: url, speed: 1}, secret}
}

// Add puts p on sale unless it is already.
func (s *Shelf) Add(ctx context.Context, p Product) error {
	_, found, err := s.ledger(ctx, p.ID)
	if err != nil || found {
		return err
	}
	return s.put(ctx, p)
}

// Open puts p on sale from p.StartsAt with p.Stock units for sale, however many
// were sold before.
func (s *Shelf) Open(ctx context.Context, p Product) error {
	l, _, err := s.ledger(ctx, p.ID)
	if err != nil {
		return err
	}
	p.Stock += l.Reserved + l.Confirmed
	return s.put(ctx, p)
}

// Fill makes sure that p is on sale with at least p.Stock units available.
func (s *Shelf) Fill(ctx context.Context, p Product) error {
	l, found, err := s.ledger(ctx, p.ID)
	switch {
	case err != nil:
		return err
	case !found:
		return s.put(ctx, p)
	case l.Available >= p.Stock:
		return nil
	}
	return s.change(ctx, http.MethodPost, p.ID+"/restock", map[string]int64{"quantity": p.Stock - l.Available})
}

// ledger is what the admin API tells of a product's units.
type ledger struct{ Available, Reserved, Confirmed int64 }

func (s *Shelf) ledger(ctx context.Context, id string) (l ledger, found bool, err error) {
	a, err := s.asAdmin().insist(ctx, http.MethodGet, s.base+"/admin/products/"+id, nil)
	if err != nil || a.status == http.StatusNotFound {
		return l, false, err
	}
	if a.status != http.StatusOK {
		return l, false, unexpected("look at product "+id, a)
	}
	var product struct{ Ledger ledger }
	err = json.Unmarshal(a.body, &product)
	return product.Ledger, true, err
}

func (s *Shelf) put(ctx context.Context, p Product) error {
	return s.change(ctx, http.MethodPut, p.ID, p)
}

func (s *Shelf) change(ctx context.Context, method, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	a, err := s.asAdmin().insist(ctx, method, s.base+"/admin/products/"+path, data, "Content-Type", "application/json")
	if err == nil && a.status != http.StatusOK {
		err = unexpected(method+" product "+path, a)
	}
	return err
}

// asAdmin is the client with a fresh token.
func (s *Shelf) asAdmin() client {
	c := s.client
	c.token = token.Mint(s.secret, "demo-admin", time.Minute, token.User, token.Admin)
	return c
}
