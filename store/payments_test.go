package store_test

import (
	"slices"
	"testing"

	"order-service/order"
)

func TestAPaymentIsAppliedToItsOwnOrderOnce(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 10, 0)
	id, other := s.at(t, p.ID, order.PaymentPending), s.at(t, p.ID, order.PaymentPending)
	s.pay(t, id, "first")
	s.pay(t, id, "second")
	s.pay(t, other, "others")

	_, err := s.Confirm(t.Context(), id, "unknown")
	wantCode(t, err, order.CodeConflict)
	_, err = s.Confirm(t.Context(), id, "others")
	wantCode(t, err, order.CodeConflict)
	_, err = s.Confirm(t.Context(), id, "first")
	must(t, err)
	_, err = s.Confirm(t.Context(), id, "second")
	wantCode(t, err, order.CodeConflict)
	for paymentID, want := range map[string]order.PaymentState{"first": order.PaymentApplied, "second": order.PaymentReceived} {
		if got, err := s.Payment(t.Context(), paymentID); err != nil || got.State != want {
			t.Errorf("%s is %s, want %s (%v)", paymentID, got.State, want, err)
		}
	}
}

func TestMoneyThatArrivesAfterADeclineIsReceived(t *testing.T) {
	s := newShop(t)
	id, other := s.place(t, "user", "lamp", 1), s.place(t, "user", "lamp", 1)
	declined := order.Payment{ID: "pay", OrderID: id, Money: order.Money{Amount: 1999, Currency: "EUR"}, State: order.PaymentRefused}
	first, err := s.RecordPayment(t.Context(), declined)
	must(t, err)
	if again, err := s.RecordPayment(t.Context(), declined); err != nil || again != first {
		t.Errorf("a repeated decline: got %+v, %v, want %+v", again, err, first)
	}
	received := declined
	received.State, received.OrderID = order.PaymentReceived, other
	_, err = s.RecordPayment(t.Context(), received)
	wantCode(t, err, order.CodeConflict)
	received.OrderID = id
	if got, err := s.RecordPayment(t.Context(), received); err != nil || got.State != order.PaymentReceived {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestARefundedPaymentStaysRefunded(t *testing.T) {
	s := newShop(t)
	id := s.place(t, "user", "lamp", 1)
	s.pay(t, id, "pay")
	move := func(from, to order.PaymentState, want bool) {
		t.Helper()
		moved, err := s.MovePayment(t.Context(), "pay", []order.PaymentState{from}, to)
		if err != nil || moved != want {
			t.Errorf("%s → %s: %v, %v, want %v", from, to, moved, err, want)
		}
	}
	move(order.PaymentApplied, order.PaymentRefunding, false)
	move(order.PaymentReceived, order.PaymentRefunding, true)
	move(order.PaymentReceived, order.PaymentRefunding, false)
	move(order.PaymentRefunding, order.PaymentRefunded, true)
	move(order.PaymentRefunded, order.PaymentReceived, false)
	_, err := s.MovePayment(t.Context(), "unknown", []order.PaymentState{order.PaymentReceived}, order.PaymentRefunding)
	wantCode(t, err, order.CodeNotFound)
}

func TestALostPaymentIsPutBackAsItIsWanted(t *testing.T) {
	s := newShop(t)
	lost := order.Payment{ID: "pay", OrderID: newID(), Money: order.Money{Amount: 1999, Currency: "EUR"}, State: order.PaymentRefunding}
	must(t, s.RestorePayment(t.Context(), lost))
	other := lost
	other.State = order.PaymentReceived
	must(t, s.RestorePayment(t.Context(), other))
	got, err := s.Payment(t.Context(), "pay")
	if got.ReceivedAt = lost.ReceivedAt; err != nil || got != lost {
		t.Errorf("got %+v, %v, want %+v", got, err, lost)
	}
}

// The buyer has the goods and the money: only a person can put that right.
func TestMoneyThatWasPaidBackAndIsKeptIsNoted(t *testing.T) {
	s := newShop(t)
	id := s.at(t, s.put(t, 10, 0).ID, order.Confirmed)
	confirmed, err := s.Order(t.Context(), id)
	must(t, err)
	s.pay(t, s.place(t, "user", "lamp", 1), "returned")
	_, err = s.MovePayment(t.Context(), "returned", []order.PaymentState{order.PaymentReceived}, order.PaymentRefunded)
	must(t, err)
	for paymentID, want := range map[string]order.PaymentState{confirmed.PaymentID: order.PaymentApplied, "returned": order.PaymentRefunded} {
		for range 2 {
			if got, err := s.RecordRefund(t.Context(), paymentID); got != want || err != nil {
				t.Errorf("%s is %s, %v; want %s", paymentID, got, err, want)
			}
		}
	}
	_, err = s.RecordRefund(t.Context(), "unknown")
	wantCode(t, err, order.CodeNotFound)
	a, err := s.Audit(t.Context(), auditGrace, auditTimeout)
	must(t, err)
	var listed []string
	for _, f := range a.Findings {
		if f.Invariant == "I3" {
			listed = append(listed, f.Subject+" "+f.Detail)
		}
	}
	if want := []string{confirmed.PaymentID + " paid back, and not as a refund: the payment is APPLIED"}; !slices.Equal(listed, want) {
		t.Errorf("listed %q, want %q", listed, want)
	}
}

func TestTheSandboxPaysAPaymentBackOnce(t *testing.T) {
	s := newShop(t)
	for range 2 {
		must(t, s.RecordSandboxRefund(t.Context(), "pay", newID(), "late"))
	}
	if n := s.count(t, `SELECT count(*) FROM sandbox_refunds`); n != 1 {
		t.Errorf("%d refunds, want 1", n)
	}
}

func TestUnfinishedPaymentsAreThoseLeftAlone(t *testing.T) {
	s, ids := healthyShop(t)
	for _, id := range []string{"old", "new"} {
		s.pay(t, ids[order.Failed], id)
	}
	s.exec(t, `UPDATE payments SET updated_at = now() - interval '1 minute' WHERE payment_id = 'old'`)
	left, err := s.UnfinishedPayments(t.Context(), auditGrace, "", 10)
	if err != nil || len(left) != 1 || left[0].ID != "old" {
		t.Errorf("got %+v, %v", left, err)
	}
	if left, err = s.UnfinishedPayments(t.Context(), auditGrace, "old", 10); err != nil || len(left) != 0 {
		t.Errorf("behind the last: %+v, %v", left, err)
	}
}
