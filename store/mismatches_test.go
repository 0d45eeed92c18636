package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

var (
	costs = order.Money{Amount: 1999, Currency: "EUR"} // what every order of these tests does
	odd   = order.Money{Amount: 1998, Currency: "EUR"}
)

// reports records what a provider says of a payment, one thing after the
// other, and returns what the payment is then.
func (s *shop) reports(t tb, id uuid.UUID, paymentID string, states ...order.PaymentState) (p order.Payment) {
	t.Helper()
	for _, state := range states {
		money := costs
		switch state {
		case wrong:
			money = odd
		case wrongAnew:
			money, state = order.Money{Amount: 1999, Currency: "USD"}, wrong
		}
		var err error
		p, err = s.RecordPayment(t.Context(), order.Payment{ID: paymentID, OrderID: id, Money: money, State: state})
		must(t, err)
	}
	return p
}

const (
	right    = order.PaymentReceived
	wrong    = order.PaymentMismatch
	declined = order.PaymentRefused

	wrongAnew = wrong + " in another way" // recorded as wrong
)

// A report of a wrong amount used to close its payment for good: the right one
// was refused for ever, the buyer had paid and the order timed out.
func TestAReportThatDoesNotFitChangesNoPayment(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	for _, said := range [][]order.PaymentState{
		{right, wrong}, {wrong, right}, {wrong, declined, right}, {declined, wrong, right}, {wrong, right, wrong, declined},
	} {
		id := s.at(t, p.ID, order.PaymentPending)
		got := s.reports(t, id, "pay-"+id.String(), said...)
		if _, err := s.Confirm(t.Context(), id, got.ID); err != nil || got.Money != costs {
			t.Errorf("%v: %+v does not buy the order: %v", said, got, err)
		}
	}
}

func TestAMismatchIsListedUntilItIsPutRight(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 100, 0)
	for _, c := range []struct {
		said   []order.PaymentState
		listed bool
	}{
		{[]order.PaymentState{wrong}, true},
		{[]order.PaymentState{wrong, wrong}, true},
		{[]order.PaymentState{wrong, right}, false},
		{[]order.PaymentState{wrong, declined}, false},
		{[]order.PaymentState{right, wrong}, true},
		{[]order.PaymentState{declined, wrong}, true},
		{[]order.PaymentState{right, wrong, right}, false},
		// The provider's own retry, of what was answered 409. It used to be listed for
		// good, and who gave the money back, as asked to, gave back a good payment.
		{[]order.PaymentState{wrong, right, wrong}, false},
		{[]order.PaymentState{wrong, declined, right, wrong}, false},
		{[]order.PaymentState{right, wrong, wrong}, true},
		{[]order.PaymentState{wrong, right, wrongAnew}, true},
		{[]order.PaymentState{wrong, right, wrongAnew, wrong}, true},
		{[]order.PaymentState{wrong, wrongAnew, right, wrong, wrongAnew}, false},
		{[]order.PaymentState{wrong, declined, wrong}, true}, // no money was taken that could be the right one
		{[]order.PaymentState{wrong, declined, wrong, right}, false},
	} {
		s.exec(t, `TRUNCATE payments CASCADE`)
		id := s.at(t, p.ID, order.PaymentPending)
		s.reports(t, id, "pay", c.said...)
		if listed := s.listed(t, "pay"); listed != c.listed || overview(t, s).Payments[order.PaymentMismatch] != count(listed) {
			t.Errorf("%v: listed %t, on the board %v", c.said, listed, overview(t, s).Payments)
		}
	}
}

func TestARepeatedMismatchStaysSettledWhateverBecameOfItsPayment(t *testing.T) {
	s := newShop(t)
	id := s.at(t, s.put(t, 1, 0).ID, order.PaymentPending)
	s.reports(t, id, "pay", wrong, right)
	for _, state := range []order.PaymentState{order.PaymentApplied, order.PaymentRefunding, order.PaymentRefunded} {
		s.exec(t, `UPDATE payments SET state = $1`, string(state))
		s.reports(t, id, "pay", wrong)
		if s.listed(t, "pay") {
			t.Errorf("listed when it was %s", state)
		}
	}
	if all := s.count(t, `SELECT reports FROM payment_mismatches`); all != 4 {
		t.Errorf("%d reports are counted, want 4", all)
	}
}

// What it knows of the payment may be from before the report that fits.
func TestAMismatchRepeatedWhileItIsPutRightStaysSettled(t *testing.T) {
	s := newShop(t)
	id := s.at(t, s.put(t, 1, 0).ID, order.PaymentPending)
	s.reports(t, id, "pay", wrong)
	s.exec(t, `
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_sleep(1);
			RETURN NEW;
		END $$`)
	s.exec(t, `CREATE TRIGGER slow BEFORE INSERT ON payment_mismatches FOR EACH ROW EXECUTE FUNCTION slow()`)
	repeated := make(chan error, 1)
	go func() {
		_, err := s.RecordPayment(t.Context(), order.Payment{ID: "pay", OrderID: id, Money: odd, State: wrong})
		repeated <- err
	}()
	eventually(t, "the repetition has read the payment", func() bool {
		return s.count(t, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%payment_mismatches%'`) > 0
	})
	s.reports(t, id, "pay", right)
	must(t, <-repeated)
	if s.listed(t, "pay") {
		t.Error("it is put right and listed")
	}
}

func count(listed bool) int64 {
	if listed {
		return 1
	}
	return 0
}

// listed reports whether the audit names the payment, once, for a person.
func (s *shop) listed(t tb, paymentID string) bool {
	t.Helper()
	a, err := s.Audit(t.Context(), time.Hour, time.Hour)
	must(t, err)
	named := slices.DeleteFunc(a.Notices, func(f order.Finding) bool { return f.Subject != paymentID })
	if len(named) > 1 {
		t.Fatalf("listed as %v", named)
	}
	return len(named) == 1
}

// The version before had no table for mismatches.
func TestAMismatchOfTheVersionBeforeIsListedAndPutRight(t *testing.T) {
	s := newShop(t)
	id := s.at(t, s.put(t, 1, 0).ID, order.PaymentPending)
	s.exec(t, `INSERT INTO payments (payment_id, order_id, amount, currency, state, received_at) VALUES ('pay', $1, 1, 'USD', 'MISMATCH', now())`, id)
	if !s.listed(t, "pay") || overview(t, s).Payments[order.PaymentMismatch] != 1 {
		t.Error("nobody sees it")
	}
	if p := s.reports(t, id, "pay", right); p.State != right || p.Money != costs {
		t.Errorf("%+v", p)
	}
	if s.listed(t, "pay") {
		t.Error("it is put right and listed")
	}
}

func TestMismatchesAreKeptOnceEachAndCounted(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 2, 0)
	id, other := s.at(t, p.ID, order.PaymentPending), s.at(t, p.ID, order.PaymentPending)
	s.reports(t, id, "pay", wrong, right, wrong, wrong)
	_, err := s.RecordPayment(t.Context(), order.Payment{ID: "pay", OrderID: id, Money: order.Money{Amount: 1999, Currency: "USD"}, State: wrong})
	must(t, err)
	if rows, all := s.count(t, `SELECT count(*) FROM payment_mismatches`), s.count(t, `SELECT sum(reports) FROM payment_mismatches`); rows != 2 || all != 4 {
		t.Errorf("%d rows of %d reports, want 2 of 4", rows, all)
	}
	_, err = s.RecordPayment(t.Context(), order.Payment{ID: "pay", OrderID: other, Money: odd, State: wrong})
	wantCode(t, err, order.CodeConflict)
	if all := s.count(t, `SELECT sum(reports) FROM payment_mismatches`); all != 4 {
		t.Errorf("%d reports after one that was refused", all)
	}
}
