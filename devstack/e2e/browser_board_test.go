package e2e

import (
	"testing"

	"order-service/order"
)

func TestBrowserBoardShowsWhatWasBought(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.sell(s.product(10))
	b := s.operate()
	b.seesSold()
}

func TestBrowserBoardSaysWhenItsFiguresAreOldAndRecovers(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	svc := s.start("all")
	s.sell(s.product(10))
	b := s.operate()
	b.forgive(serverGone)
	b.seesSold()
	svc.kill()
	b.sees(".verdict", "Connection lost")
	b.sees(".verdict", "Last figures of")
	b.sees(".feed", "Reconnecting")
	s.startAt(svc.addr, suite.binary, "all", nil)
	b.sees(".feed", "Live")
	b.seesSold()
}

// sell has two units of the product bought and another one waited for.
func (s *shop) sell(productID string) {
	s.t.Helper()
	one, other := s.anyone(), s.anyone()
	paid, open := one.buy(productID, 2), other.buy(productID, 1)
	s.paid(one.await(paid, order.PaymentPending)).expect(200)
	one.await(paid, order.Confirmed)
	other.await(open, order.PaymentPending)
}

// operate opens the board as its operator.
func (s *shop) operate() *tab {
	s.t.Helper()
	b := s.browse("/board")
	b.forgive(unauthorized)
	b.sees(".verdict", "The board is for operators of the sale.")
	b.press("button", "Open as demo operator")
	b.sees(".feed", "Live")
	return b
}

// seesSold waits for the figures that sell leaves.
func (b *tab) seesSold() {
	b.t.Helper()
	for _, figure := range []string{"2 sold", "1 reserved", "7 left"} {
		b.sees("#stock", figure)
	}
	b.sees("#orders-total", "2")
	for _, figure := range []string{"confirmed 1", "awaiting payment 1", "failed 0"} {
		b.sees("#funnel", figure)
	}
	b.sees("#vitals", "Open payments 1 €12.50")
}
