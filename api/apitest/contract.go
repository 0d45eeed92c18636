// Package apitest is what api counts on in the store behind it, as tests: the
// store must pass them, and so must what stands in for it in api's own tests,
// or those would prove nothing.
package apitest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/api"
	"order-service/order"
)

// Backend is a store that is empty at first, with what the rest of the service
// does to its orders.
type Backend interface {
	api.Orders
	api.Products
	api.Payments
	// Place accepts an order as the intake does.
	Place(t *testing.T, o order.Order)
	// Advance takes an order that was just placed to a status, as the saga does.
	Advance(t *testing.T, id uuid.UUID, to order.Status)
}

// Run runs every test, each on a Backend that open returns.
func Run(t *testing.T, open func(*testing.T) Backend) {
	for name, test := range map[string]func(suite){
		"what does not exist is not found":                  suite.nothing,
		"an order reads as it was accepted":                 suite.accepted,
		"an order that was lost is put back as accepted":    suite.lost,
		"orders are listed in pages, newest first":          suite.list,
		"recent orders are those open and those changed":    suite.recent,
		"history begins behind what is known":               suite.history,
		"a product is stored as put, with a rising version": suite.put,
		"products are listed by id":                         suite.products,
		"a product is written only if it is allowed":        suite.conditional,
		"stock covers what is reserved and sold":            suite.sold,
		"a restock under one key adds once":                 suite.restock,
		"the payment that was recorded first wins":          suite.first,
		"money may arrive after a decline":                  suite.declined,
		"a report that does not fit changes no payment":     suite.mismatch,
		"a payment begins as what a provider can report":    suite.began,
	} {
		t.Run(name, func(t *testing.T) { test(suite{t, open(t)}) })
	}
}

// suite is one test on its backend.
type suite struct {
	*testing.T
	Backend
}

func (s suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s suite) refuses(what string, err error, want order.Code) {
	s.Helper()
	if got := order.CodeOf(err); got != want {
		s.Errorf("%s: code %q, want %q (error: %v)", what, got, want, err)
	}
}

// stock puts a product on sale.
func (s suite) stock(id string, total int64) order.Product {
	s.Helper()
	p, err := s.PutProduct(s.Context(), product(id, total), always)
	s.must(err)
	return p
}

func product(id string, total int64) order.Product {
	return order.Product{ID: id, Name: "Lamp", UnitPrice: 1999, Currency: "EUR", Ledger: order.Ledger{Total: total}}
}

// place accepts an order of one unit and returns it as it must be read.
func (s suite) place(userID, productID string) order.Order {
	s.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	o := order.Order{
		ID: uuid.Must(uuid.NewV7()), UserID: userID, ProductID: productID, Quantity: 1, UnitPrice: 1999, Amount: 1999, Currency: "EUR",
		Status: order.Pending, Seq: 1, CreatedAt: now, UpdatedAt: now,
	}
	s.Place(s.T, o)
	return o
}

// at is an order of one unit that stands in status.
func (s suite) at(userID, productID string, status order.Status) order.Order {
	s.Helper()
	o := s.place(userID, productID)
	s.Advance(s.T, o.ID, status)
	return o
}
