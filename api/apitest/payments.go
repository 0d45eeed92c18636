package apitest

import (
	"time"

	"order-service/order"
)

// What a provider reports. An order of these tests costs 1999.
const (
	right    = order.PaymentReceived
	wrong    = order.PaymentMismatch // another amount
	declined = order.PaymentRefused
)

// bill is a report of a payment for o.
func bill(o order.Order, id string, said order.PaymentState) order.Payment {
	p := order.Payment{ID: id, OrderID: o.ID, Money: o.Total(), State: said, ReceivedAt: time.Now().UTC().Truncate(time.Millisecond)}
	if said == wrong {
		p.Money.Amount--
	}
	return p
}

// reports records one report after the other and returns what the payment is
// then.
func (s suite) reports(o order.Order, id string, said ...order.PaymentState) (p order.Payment) {
	s.Helper()
	for _, state := range said {
		var err error
		p, err = s.RecordPayment(s.Context(), bill(o, id, state))
		s.must(err)
	}
	return p
}

func (s suite) first() {
	s.stock("lamp", 10)
	o, other := s.at("ann", "lamp", order.PaymentPending), s.at("bob", "lamp", order.PaymentPending)
	report := bill(o, "pay", right)
	first, err := s.RecordPayment(s.Context(), report)
	s.must(err)
	if first != report {
		s.Errorf("recorded %+v, want %+v", first, report)
	}
	for _, state := range []order.PaymentState{declined, wrong, right} {
		later := report
		later.State, later.Money.Amount = state, 1
		if again, err := s.RecordPayment(s.Context(), later); err != nil || again != first {
			s.Errorf("%s: got %+v, %v, want %+v", state, again, err, first)
		}
	}
	for _, state := range []order.PaymentState{declined, wrong, right} {
		_, err = s.RecordPayment(s.Context(), bill(other, "pay", state))
		s.refuses("another order's payment, "+string(state), err, order.CodeConflict)
	}
	if now, err := s.Payment(s.Context(), "pay"); err != nil || now != first {
		s.Errorf("in the end %+v, %v, want %+v", now, err, first)
	}
}

func (s suite) declined() {
	s.stock("lamp", 10)
	o, other := s.at("ann", "lamp", order.PaymentPending), s.at("bob", "lamp", order.PaymentPending)
	first := s.reports(o, "pay", declined)
	if again := s.reports(o, "pay", declined); again != first {
		s.Errorf("a repeated decline: %+v, want %+v", again, first)
	}
	_, err := s.RecordPayment(s.Context(), bill(other, "pay", right))
	s.refuses("another order's payment", err, order.CodeConflict)
	if now := s.reports(o, "pay", right); now.State != right {
		s.Errorf("money after a decline: %+v", now)
	}
}

// A report that does not fit is kept beside its payment, which a later one may
// put right.
func (s suite) mismatch() {
	s.stock("lamp", 100)
	for _, c := range []struct {
		said []order.PaymentState
		want order.PaymentState
	}{
		{[]order.PaymentState{wrong}, wrong},
		{[]order.PaymentState{wrong, wrong}, wrong},
		{[]order.PaymentState{wrong, right}, right},
		{[]order.PaymentState{wrong, declined}, declined},
		{[]order.PaymentState{wrong, declined, right}, right},
		{[]order.PaymentState{declined, wrong}, declined},
		{[]order.PaymentState{declined, wrong, right}, right},
		{[]order.PaymentState{right, wrong}, right},
		{[]order.PaymentState{wrong, right, wrong, declined}, right},
	} {
		o := s.at("ann", "lamp", order.PaymentPending)
		got := s.reports(o, "pay-"+o.ID.String(), c.said...)
		if got.State != c.want || got.State == right && got.Money != o.Total() {
			s.Errorf("%v: %+v, want %s", c.said, got, c.want)
		}
	}
}

func (s suite) began() {
	s.stock("lamp", 10)
	o := s.at("ann", "lamp", order.PaymentPending)
	for _, state := range []order.PaymentState{order.PaymentApplied, order.PaymentRefunding, order.PaymentRefunded, ""} {
		_, err := s.RecordPayment(s.Context(), bill(o, "pay", state))
		s.refuses("a payment that begins as "+string(state), err, order.CodeValidation)
	}
	undated := bill(o, "pay", right)
	undated.ReceivedAt = time.Time{}
	if p, err := s.RecordPayment(s.Context(), undated); err != nil || time.Since(p.ReceivedAt).Abs() > time.Minute {
		s.Errorf("without a time: %+v, %v", p, err)
	}
}
