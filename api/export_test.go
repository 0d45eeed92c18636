package api

import "order-service/order"

// Shop stands in for the store in these tests; apitest, which knows api, can
// only be run from outside.
type Shop = shop

// NewShop returns a shop that sells nothing yet.
func NewShop() *Shop {
	s := newShop()
	clear(s.products)
	return s
}

// Move changes an order's status.
func (s *shop) Move(o order.Order, to order.Status) { s.move(o.ID, to) }
