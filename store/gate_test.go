package store_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"order-service/order"
)

func TestTheGateSnapshotHasTheProductItsUsersAndItsPendingOrders(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5000, 50)
	reserved := s.place(t, "alice", p.ID, 2)
	s.advance(t, reserved, order.InventoryReserved)
	s.advance(t, s.place(t, "alice", p.ID, 1), order.Confirmed)
	s.at(t, p.ID, order.Cancelled)
	s.place(t, "bob", "another-product", 1)
	s.exec(t, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, created_at, updated_at)
		SELECT gen_random_uuid(), 'user-' || n, $1, 1, 1, 1, 'EUR', now(), now() FROM generate_series(1, 2500) n`, p.ID)

	var product *order.Product
	users, holds := map[string]int64{}, map[uuid.UUID]int{}
	must(t, s.GateSnapshot(t.Context(), p.ID, func(c order.GateChunk) error {
		if c.Product != nil {
			product = c.Product
		} else if product == nil {
			t.Error("the product did not come first")
		}
		if len(c.Holds) > 1000 {
			t.Errorf("a chunk of %d holds", len(c.Holds))
		}
		for user, units := range c.Users {
			users[user] = units
		}
		for _, h := range c.Holds {
			holds[h.OrderID] = h.Quantity
		}
		return nil
	}))
	if product.Ledger != s.ledger(t, p.ID) || len(users) != 1 || users["alice"] != 3 || len(holds) != 2500 {
		t.Errorf("product %+v, users %v, %d holds", product, users, len(holds))
	}

	stop := errors.New("stop")
	if err := s.GateSnapshot(t.Context(), p.ID, func(order.GateChunk) error { return stop }); err != stop {
		t.Errorf("got %v, want yield's error", err)
	}
	err := s.GateSnapshot(t.Context(), "no-such-product", func(order.GateChunk) error { return nil })
	wantCode(t, err, order.CodeProductNotFound)
}

func TestHoldFatesTellPendingOrdersFromThoseThatMovedOn(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 5)
	pending, reserved := s.place(t, "alice", p.ID, 1), s.place(t, "alice", p.ID, 2)
	s.advance(t, reserved, order.InventoryReserved)
	orphan := s.place(t, "alice", "no-such-product", 1)

	got, err := s.HoldFates(t.Context(), []uuid.UUID{pending, reserved, orphan, newID()})
	must(t, err)
	version := p.Version + 1
	stock := order.Stock{ProductID: p.ID, Version: version, Available: 8, UserID: "alice", UserUnits: 2, Limited: true}
	want := map[uuid.UUID]order.HoldFate{
		pending:  {OrderID: pending, Pending: true, Stock: stock},
		reserved: {OrderID: reserved, Stock: stock},
		orphan:   {OrderID: orphan, Pending: true, Stock: order.Stock{ProductID: "no-such-product", UserID: "alice"}},
	}
	if len(got) != len(want) {
		t.Errorf("%d fates, want %d", len(got), len(want))
	}
	for _, fate := range got {
		if fate != want[fate.OrderID] {
			t.Errorf("got %+v, want %+v", fate, want[fate.OrderID])
		}
	}
}
