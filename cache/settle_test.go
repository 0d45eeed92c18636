package cache

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"order-service/order"
)

func TestDropReturnsTheUnitsOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := request("ann", 3)
	s.hold(r)
	for range 2 {
		s.drop(order.Held{OrderID: r.OrderID})
		s.wantStock(10, 0)
	}
	must(t, s.gate.Drop(t.Context(), "nothing", order.Held{OrderID: uuid.New()}))
	s.wantNoTraces()
}

// wantNoTraces fails when a product without holds still has keys for them.
func (s *shop) wantNoTraces() {
	s.Helper()
	n, err := s.redis().Exists(s.Context(), s.gate.keys("shirt")[1], s.gate.keys("shirt")[2], s.gate.keys("shirt")[4]).Result()
	if err != nil || n != 0 {
		s.Fatalf("%d keys of holds are left, %v", n, err)
	}
}

func TestDropWorksAfterTheRequestEnded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	r := request("ann", 3)
	s.hold(r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, s.gate.Drop(ctx, "shirt", order.Held{OrderID: r.OrderID}))
	s.wantStock(10, 0)
}

func TestSettleMovesHeldUnitsIntoTheLedger(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	id := s.accept(request("ann", 3))
	st := s.reserve(id)
	for range 2 {
		s.settle(id, st)
		s.wantStock(7, 0)
	}
	s.settle(id, s.ledger.cancel(id))
	s.wantStock(10, 0)
	s.wantNoTraces()
}

func TestSettleNeverGoesBack(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(limit(5))
	ann, bob := s.accept(request("ann", 2)), s.accept(request("bob", 3))
	early := s.reserve(ann)
	late := s.reserve(bob)
	s.settle(bob, late)
	s.wantStock(5, 2) // ann's units count twice until her settle
	s.settle(ann, early)
	s.wantStock(5, 0)
	// Ann's settle was older than the product's version, not than her own.
	s.refused(request("ann", 4), order.CodePurchaseLimit)
	s.hold(request("ann", 3))
}

func TestSettleOfAnOlderReservationDoesNotUndoARelease(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell(limit(2))
	id := s.accept(request("ann", 2))
	reserved := s.reserve(id)
	released := s.ledger.cancel(id)
	s.settle(id, released)
	s.settle(id, reserved)
	s.wantStock(10, 0)
	s.hold(request("ann", 2))
}

func TestSettleIsANoOpWhileTheProductIsAbsent(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	id := s.accept(request("ann", 3))
	st := s.reserve(id)
	flush(t, s.gate)
	s.settle(id, st)
	if n, err := s.redis().Exists(t.Context(), s.gate.keys("shirt")...).Result(); n != 0 || err != nil {
		t.Fatalf("%d keys, %v", n, err)
	}
	s.round()
	s.wantStock(7, 0)
}
