package api

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
)

// lose forgets an order that stood in status, and has its saga remember that it
// ended it as end; "": it runs.
func (s *shop) lose(status, end order.Status) order.Order {
	o := s.put("ann", status)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.orders, o.ID)
	delete(s.history, o.ID)
	remembered := o.Reservation().Order()
	if end != "" {
		remembered.Status = end
	}
	s.remembered[o.ID] = remembered
	return o
}

// The provider has the buyer's money, and a report that is answered 404 for ever
// is one that it stops to send.
func TestReportOfAnOrderThatTheDatabaseLostIsTaken(t *testing.T) {
	ended := order.Errorf(order.CodeConflict, "The workflow has ended.")
	for name, c := range map[string]struct {
		end      order.Status
		sagaErr  error
		amount   int64
		status   int
		call     string
		restored bool
		payment  order.PaymentState
	}{
		"while its workflow runs":           {"", nil, 3998, 200, "received pay_1", true, order.PaymentReceived},
		"of another amount":                 {"", nil, 1, 409, "", true, order.PaymentMismatch},
		"once it was confirmed":             {order.Confirmed, ended, 3998, 503, "received pay_1", true, order.PaymentReceived},
		"once it was cancelled":             {order.Cancelled, ended, 3998, 200, "refund pay_1", false, order.PaymentReceived},
		"once it failed":                    {order.Failed, ended, 3998, 200, "refund pay_1", false, order.PaymentReceived},
		"of another amount, once it failed": {order.Failed, ended, 1, 409, "", false, order.PaymentMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			shop.sagaErr = c.sagaErr
			s := serve(t, shop)
			o := shop.lose(order.PaymentPending, c.end)
			if a := s.pay(o, paid("pay_1", c.amount, "EUR")); a.StatusCode != c.status {
				t.Errorf("%d %s, want %d", a.StatusCode, a.body, c.status)
			}
			calls := shop.seenCalls()
			if c.call == "" && len(calls) > 0 || c.call != "" && !slices.Equal(calls, []string{c.call}) {
				t.Errorf("calls %v, want %q", calls, c.call)
			}
			if got, restored := shop.orders[o.ID]; restored != c.restored || restored && got.Status != order.Pending {
				t.Errorf("restored: %v, %s", restored, got.Status)
			}
			if p := shop.payments["pay_1"]; p.State != c.payment || p.OrderID != o.ID {
				t.Errorf("the payment is %+v", p)
			}
		})
	}
}

func TestReportRepeatedForAnOrderThatIsLostForGoodIsTaken(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.lose(order.PaymentPending, order.Cancelled)
	s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
	shop.setPayment("pay_1", order.PaymentRefunded)
	s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
	s.declinePayment(o, `{"paymentId":"pay_2"}`).ok(t)
	if calls := shop.seenCalls(); !slices.Equal(calls, []string{"refund pay_1"}) {
		t.Errorf("calls %v", calls)
	}
}

func TestDeclineOfAnOrderThatTheDatabaseLostIsPassedOn(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.lose(order.PaymentPending, "")
	s.declinePayment(o, `{"paymentId":"pay_1","reason":"no funds"}`).ok(t)
	if calls := shop.seenCalls(); !slices.Equal(calls, []string{"declined pay_1 no funds"}) {
		t.Errorf("calls %v", calls)
	}
}

func TestReportOfALostOrderIsRepeatedWhileItCannotBeLookedUp(t *testing.T) {
	shop := newShop()
	shop.recallErr = errors.New("connection refused")
	s := serve(t, shop)
	o := shop.lose(order.PaymentPending, "")
	s.pay(o, paid("pay_1", 3998, "EUR")).problem(t, 503, order.CodeUnavailable)
	if !shop.unpaid() {
		t.Errorf("payments %v, calls %v", shop.payments, shop.calls)
	}
}

// The provider has money that nobody asks it about again.
func TestReportOfAnOrderThatNobodyKnowsIsCountedAndLogged(t *testing.T) {
	var (
		m    tally
		logs bytes.Buffer
	)
	shop := newShop()
	s := serve(t, shop, func(c *Config, d *Deps) { d.Meter, c.Log = &m, zerolog.New(zerolog.SyncWriter(&logs)) })
	o := shop.lose(order.PaymentPending, "")
	delete(shop.remembered, o.ID)
	const reports = 30 // more than are told of at once elsewhere
	for range reports {
		s.pay(o, paid("pay_1", 3998, "EUR")).problem(t, 404, order.CodeOrderNotFound)
	}
	s.declinePayment(o, `{"paymentId":"pay_2"}`).problem(t, 404, order.CodeOrderNotFound)
	var strays []string
	for _, line := range m.told() {
		if strings.HasPrefix(line, "stray ") {
			strays = append(strays, line)
		}
	}
	if want := append(slices.Repeat([]string{"stray payment-success"}, reports), "stray payment-failure"); !slices.Equal(strays, want) {
		t.Errorf("counted %q", strays)
	}
	line := `"order":"` + o.ID.String() + `","payment":"pay_1","amount":3998,"currency":"EUR"`
	if got := strings.Count(logs.String(), line); got != reports {
		t.Errorf("%d reports are logged:\n%s", got, logs.String())
	}
	if !shop.unpaid() {
		t.Errorf("payments %v, calls %v", shop.payments, shop.calls)
	}
}

// It used to be answered 409 without a trace, though bob may have paid.
func TestReportOfAPaymentOfAnotherOrderIsCountedAndLogged(t *testing.T) {
	var (
		m    tally
		logs bytes.Buffer
	)
	shop := newShop()
	s := serve(t, shop, func(c *Config, d *Deps) {
		d.Meter, c.Log = &m, zerolog.New(zerolog.SyncWriter(&logs)).Level(zerolog.WarnLevel)
	})
	s.pay(shop.put("ann", order.PaymentPending), paid("pay_1", 3998, "EUR")).ok(t)
	anns, o := shop.payments["pay_1"], shop.put("bob", order.PaymentPending)
	s.pay(o, paid("pay_1", 3998, "EUR")).problem(t, 409, order.CodeConflict)
	s.pay(o, paid("pay_1", 1, "USD")).problem(t, 409, order.CodeConflict)
	s.declinePayment(o, `{"paymentId":"pay_1"}`).problem(t, 409, order.CodeConflict)
	counted := slices.DeleteFunc(m.told(), func(line string) bool { return !strings.HasPrefix(line, "stray ") })
	if !slices.Equal(counted, []string{"stray payment-success", "stray payment-success", "stray payment-failure"}) {
		t.Errorf("counted %q", counted)
	}
	for _, c := range []string{`success"%,"amount":3998,"currency":"EUR"`, `success"%,"amount":1,"currency":"USD"`, `failure"%`} {
		line := `"level":"error","event":"payment-` + strings.Replace(c, "%", `,"order":"`+o.ID.String()+`","payment":"pay_1"`, 1)
		if strings.Count(logs.String(), line) != 1 {
			t.Errorf("not once: %s", line)
		}
	}
	if n := strings.Count(logs.String(), "\n"); n != 3 {
		t.Errorf("%d lines about three reports:\n%s", n, &logs)
	}
	if p := shop.payments["pay_1"]; p != anns || len(shop.seenCalls()) != 1 {
		t.Errorf("ann's payment is %+v, calls %v", p, shop.seenCalls())
	}
}

// After a 200 the provider does not say so again.
func TestDeclineOfAPaymentThatWasReceivedIsLogged(t *testing.T) {
	for state, lines := range map[order.PaymentState]int{
		order.PaymentReceived: 1, order.PaymentApplied: 1,
		order.PaymentRefused: 0, order.PaymentMismatch: 0, order.PaymentRefunding: 0, order.PaymentRefunded: 0,
	} {
		var logs bytes.Buffer
		shop := newShop()
		s := serve(t, shop, func(c *Config, _ *Deps) { c.Log = zerolog.New(zerolog.SyncWriter(&logs)).Level(zerolog.WarnLevel) })
		o := shop.put("ann", order.PaymentPending)
		s.pay(o, paid("pay_1", 3998, "EUR")).ok(t)
		shop.setPayment("pay_1", state)
		s.declinePayment(o, `{"paymentId":"pay_1"}`).ok(t)
		line := `"level":"warn","payment":"pay_1","state":"` + string(state) + `","order":"` + o.ID.String() + `"`
		if strings.Count(logs.String(), line) != lines || strings.Count(logs.String(), "\n") != lines {
			t.Errorf("%s, want %d lines:\n%s", state, lines, &logs)
		}
	}
}

// Who cannot sign is not counted, and cannot wake anybody.
func TestUnsignedReportOfAnOrderThatNobodyKnowsIsNotCounted(t *testing.T) {
	var m tally
	s := serve(t, newShop(), func(_ *Config, d *Deps) { d.Meter = &m })
	s.call("POST", "/orders/"+uuid.NewString()+"/payment-success", paid("pay_1", 1, "EUR")).problem(t, 401, order.CodeBadSignature)
	if told := m.told(); slices.Contains(told, "stray payment-success") {
		t.Errorf("counted %q", told)
	}
}

// Temporal is asked for nobody who cannot sign.
func TestLostOrderIsNotFoundByItsReaders(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.lose(order.PaymentPending, "")
	path := "/orders/" + o.ID.String()
	for _, request := range [][2]string{{"GET", path}, {"GET", path + "/events"}, {"GET", path + "/timeline"}, {"POST", path + "/cancel"}} {
		s.as("ann", request[0], request[1], "").problem(t, 404, order.CodeOrderNotFound)
	}
	if len(shop.orders) != 0 {
		t.Error("it was restored")
	}
}
