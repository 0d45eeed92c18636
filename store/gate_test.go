package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
	"order-service/store/storetest"
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

	s.exec(t, `
		INSERT INTO reservations (order_id, product_id, user_id, quantity, state)
		SELECT order_id, product_id, user_id, quantity, 'RESERVED' FROM orders WHERE product_id = $1 AND status = 'PENDING'`, p.ID)

	var product *order.Product
	users, holds := map[string]int64{}, map[uuid.UUID]int{}
	must(t, s.GateSnapshot(t.Context(), p.ID, true, func(c order.GateChunk) error {
		if c.Product != nil {
			product = c.Product
		} else if product == nil {
			t.Error("the product did not come first")
		}
		if len(c.Holds) > 1000 || len(c.Users) > 1000 {
			t.Errorf("a chunk of %d users and %d holds", len(c.Users), len(c.Holds))
		}
		for user, units := range c.Users {
			users[user] = units
		}
		for _, h := range c.Holds {
			holds[h.OrderID] = h.Quantity
		}
		return nil
	}))
	if product.Ledger != s.ledger(t, p.ID) || len(users) != 2501 || users["alice"] != 3 || users["user-2500"] != 1 || len(holds) != 2500 {
		t.Errorf("product %+v, %d users, alice with %d, %d holds", product, len(users), users["alice"], len(holds))
	}
	must(t, s.GateSnapshot(t.Context(), p.ID, false, func(c order.GateChunk) error {
		if len(c.Holds) > 0 {
			t.Errorf("%d holds that nobody wanted", len(c.Holds))
		}
		return nil
	}))

	stop := errors.New("stop")
	if err := s.GateSnapshot(t.Context(), p.ID, true, func(order.GateChunk) error { return stop }); err != stop {
		t.Errorf("got %v, want yield's error", err)
	}
	err := s.GateSnapshot(t.Context(), "no-such-product", true, func(order.GateChunk) error { return nil })
	wantCode(t, err, order.CodeProductNotFound)
}

// Postgres ends a transaction in which it hears nothing for long, and a gate with
// many holds to take is busy for longer.
func TestTheGateMayTakeItsTimeOverASnapshot(t *testing.T) {
	shop := newShop(t)
	p := shop.put(t, 5000, 5)
	shop.exec(t, `
		INSERT INTO orders (order_id, user_id, product_id, quantity, unit_price, amount, currency, created_at, updated_at)
		SELECT gen_random_uuid(), 'u', $1, 1, 1, 1, 'EUR', now(), now() FROM generate_series(1, 1001) n`, p.ID)
	s := storetest.Open(t, shop.url+"&idle_in_transaction_session_timeout=5500")
	for range 5 { // on a busy machine three seconds may be six
		begun, holds := time.Now(), 0
		err := s.GateSnapshot(t.Context(), p.ID, true, func(c order.GateChunk) error {
			holds += len(c.Holds)
			if len(c.Holds) > 0 {
				time.Sleep(3 * time.Second)
			}
			return nil
		})
		if err == nil && holds == 1001 {
			return
		}
		if took := time.Since(begun); took < 8*time.Second {
			t.Fatalf("%d holds in %s, %v", holds, took, err)
		}
	}
	t.Error("each time there was too much to do for anybody to be in time")
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
