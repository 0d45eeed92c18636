package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// placeFree accepts an order that costs nothing.
func (s *shop) placeFree(t tb, productID string) uuid.UUID {
	t.Helper()
	return s.placeAt(t, 0, "user-"+newID().String(), productID, 1)
}

func TestAFreeOrderIsConfirmedWithoutAPayment(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	id := s.placeFree(t, p.ID)
	_, err := s.Confirm(t.Context(), id, "") // nothing is reserved yet
	wantCode(t, err, order.CodeConflict)
	_, err = s.Reserve(t.Context(), id)
	must(t, err)
	first, err := s.Confirm(t.Context(), id, "")
	must(t, err)
	again, err := s.Confirm(t.Context(), id, "")
	if err != nil || again.Event != first.Event || first.Event.Seq != 3 || first.Event.Message != "Your order is confirmed." {
		t.Errorf("%+v, then %+v, %v", first.Event, again.Event, err)
	}
	if l := s.ledger(t, p.ID); l != (order.Ledger{Total: 5, Available: 4, Confirmed: 1}) {
		t.Errorf("ledger %+v", l)
	}
	_, err = s.Finish(t.Context(), id, order.Cancelled, "")
	wantCode(t, err, order.CodeConflict)
	a, err := s.Audit(t.Context(), time.Hour, time.Hour)
	must(t, err)
	if len(a.Findings) != 0 {
		t.Errorf("findings: %v", a.Findings)
	}
}

// The version before asked the buyer of a free order to pay 0.
func TestAFreeOrderThatWaitsForAPaymentIsConfirmedWithOrWithoutIt(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	for _, paymentID := range []string{"", "pay"} {
		id := s.placeFree(t, p.ID)
		s.advance(t, id, order.PaymentPending)
		s.pay(t, id, "pay")
		_, err := s.Confirm(t.Context(), id, paymentID)
		must(t, err)
		s.exec(t, `DELETE FROM payments`)
	}
}

func TestNoOtherOrderIsConfirmedWithoutAPayment(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	for _, status := range []order.Status{order.Pending, order.InventoryReserved, order.PaymentPending} {
		id := s.at(t, p.ID, status)
		_, err := s.Confirm(t.Context(), id, "")
		wantCode(t, err, order.CodeConflict)
		if status == order.PaymentPending {
			continue
		}
		s.pay(t, id, "early-"+id.String())
		_, err = s.Confirm(t.Context(), id, "early-"+id.String())
		wantCode(t, err, order.CodeConflict)
	}
}
