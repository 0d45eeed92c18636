package saga

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// loses has do run with the order gone, as after a failover to a standby that
// did not have it yet.
func (r *run) loses(do func()) func() {
	return func() {
		r.shop.locked(func() { r.shop.lose(r.id) })()
		if do != nil {
			do()
		}
	}
}

// The order was accepted and its saga runs, so it must end; the money that comes
// for it buys it or goes back.
func TestOrderThatPostgresLostGoesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do     func(*run)
		want   order.Status
		reason order.Reason
		paid   order.PaymentState // what becomes of payment "a"
	}{
		"before its saga began": {func(r *run) {
			r.loses(nil)()
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
		}, order.Confirmed, "", order.PaymentApplied},
		"while its payment is being asked for": {func(r *run) {
			r.at("Initiate", r.loses(nil))
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
		}, order.Confirmed, "", order.PaymentApplied},
		"with the payment that its saga was told of": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
			r.at("Confirm", r.loses(nil))
		}, order.Confirmed, "", order.PaymentApplied},
		"and again when it has just been put back": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
			r.at("Confirm", func() {
				r.loses(nil)()
				r.at("Reserve", r.loses(nil))
			})
		}, order.Confirmed, "", order.PaymentApplied},
		"and again when it is read": {func(r *run) {
			r.at("Reserve", r.loses(nil))
			r.at("Order", r.loses(nil))
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
		}, order.Confirmed, "", order.PaymentApplied},
		"when what a crash kept from being published is read": {func(r *run) {
			r.at("Initiate", func() {
				r.asks(r.Now().Add(window))
				r.shop.fail("History", 1, noOrder())
				r.CancelWorkflow()
			})
		}, order.Cancelled, "", "unknown"},
		"and its payment again when that has just been put back": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
			r.at("Confirm", r.loses(nil))
			r.shop.fail("RecordPayment", 1, order.Errorf(order.CodeNotFound, "There is no such payment."))
		}, order.Confirmed, "", order.PaymentApplied},
		"no more than the payment that its saga was told of": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
			r.at("Confirm", r.shop.locked(func() { delete(r.shop.payments, "a") }))
		}, order.Confirmed, "", order.PaymentApplied},
		"and nobody pays": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.loses(nil)))
		}, order.Failed, order.PaymentTimeout, "unknown"},
		"and its buyer cancels": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.loses(r.CancelWorkflow)))
		}, order.Cancelled, "", "unknown"},
		"and its units are sold again": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.pays("a")))
			r.at("Confirm", r.loses(r.shop.locked(func() { r.shop.available = 0 })))
		}, order.Failed, order.OutOfStock, order.PaymentRefunded},
		"and its units are sold again before its window ends": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.loses(r.shop.locked(func() { r.shop.available = 0 }))))
		}, order.Failed, order.OutOfStock, "unknown"},
		"but for its first state, to which it was put back": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, func() {
				r.shop.locked(func() { r.shop.putBack(r.id) })()
				r.pays("a")()
			}))
		}, order.Confirmed, "", order.PaymentApplied},
		"but for its first state, and nobody pays": {func(r *run) {
			r.at("Published PAYMENT_PENDING", r.later(time.Minute, r.shop.locked(func() { r.shop.putBack(r.id) })))
		}, order.Failed, order.PaymentTimeout, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(1)
			r := newRun(t, s)
			c.do(r)
			r.ends(c.want, c.reason)
			r.payment("a", c.paid)
		})
	}
}

func TestServerRemembersAnOrderThatPostgresLost(t *testing.T) {
	t.Parallel()
	s := newStand(t, newShop(1), time.Hour)
	id := s.awaitingPayment()
	want := s.order(id).Reservation().Order()
	want.CreatedAt = want.CreatedAt.Truncate(time.Millisecond)
	want.UpdatedAt = want.CreatedAt
	remembered, err := s.client.Recall(t.Context(), id)
	if err != nil || remembered != want {
		t.Fatalf("remembered %+v, %v\nwant %+v", remembered, err, want)
	}
	s.locked(func() { s.lose(id) })()
	if err := s.Restore(t.Context(), remembered); err != nil {
		t.Fatal(err)
	}
	if err := s.client.PaymentReceived(t.Context(), remembered, s.pay(id, "a")); err != nil {
		t.Fatal(err)
	}
	s.ends(id, order.Confirmed)
	if o, err := s.client.Recall(t.Context(), id); err != nil || o.Status != order.Confirmed {
		t.Errorf("afterwards it is remembered as %s, %v", o.Status, err)
	}
	_, err = s.client.Recall(t.Context(), uuid.Must(uuid.NewV7()))
	if order.CodeOf(err) != order.CodeOrderNotFound {
		t.Errorf("one that nobody placed: %v", err)
	}
}
