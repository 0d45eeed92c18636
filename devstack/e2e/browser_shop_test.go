package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"order-service/order"
)

// buy presses Buy and waits until the order can be paid.
func (b *tab) buy() {
	b.t.Helper()
	b.press("button", "Buy for €12.50")
	b.seesOrder("Awaiting payment")
}

// seesOrder waits until the newest order has the badge.
func (b *tab) seesOrder(badge string) {
	b.t.Helper()
	b.sees("#order-list summary", badge)
}

// pay goes to the payment page, pays there and comes back.
func (b *tab) pay() {
	b.t.Helper()
	b.press("link", "Pay €12.50")
	b.decides("Pay 12.50 EUR", "Thank you!")
	b.press("link", "Back to the shop")
}

// decides presses a button of the payment page until the shop has been told. On a
// busy machine it may not answer in time, and the page has its buyer go back and
// press once more.
func (b *tab) decides(button, outcome string) {
	b.t.Helper()
	for told, end := "", time.Now().Add(patience); !strings.Contains(told, outcome); {
		if time.Now().After(end) {
			b.t.Fatalf("the page says %q, want %q", told, outcome)
		}
		b.press("button", button)
		b.until("what became of "+button, func(context.Context) (there bool, err error) {
			told, err = b.text("main")
			return strings.Contains(told, outcome) || strings.Contains(told, "Not certain yet"), err
		})
		if !strings.Contains(told, outcome) {
			b.script(`history.back()`)
		}
	}
}

func TestBrowserBuysAndPaysInTheSandbox(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(3)
	b := s.browse("/")
	b.sees("#product-list", "Only 3 left")
	b.buy()
	b.pay()
	b.seesOrder("Confirmed")
	b.sees("#order-list .steps", "Confirmed")
	b.sees("#product-list", "Only 2 left")
	s.expectLedger(productID, ledger{Available: 2, Confirmed: 1})
}

func TestBrowserDeclinesThePayment(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(1)
	b := s.browse("/")
	b.buy()
	b.press("link", "Pay €12.50")
	b.decides("Decline the payment", "Payment declined")
	b.press("link", "Back to the shop")
	b.seesOrder("Failed")
	b.sees("#order-list .steps", "Not completed")
	b.sees("#product-list", "Only 1 left")
	s.expectLedger(productID, ledger{Available: 1})
}

func TestBrowserCancelsAfterASecondThought(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(1)
	b := s.browse("/")
	b.buy()
	b.press("button", "Cancel")
	b.press("button", "Keep it")
	b.seesOrder("Awaiting payment")
	b.press("button", "Cancel")
	b.press("button", "Cancel order")
	b.seesOrder("Cancelled")
	b.finds("button", "Buy for €12.50")
	s.expectLedger(productID, ledger{Available: 1})
}

func TestBrowserSeesByItselfThatTheLastUnitWentAndCameBack(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(1)
	b := s.browse("/")
	b.finds("button", "Buy for €12.50")
	other := s.anyone()
	id := other.buy(productID, 1)
	b.finds("button", "Sold out")
	other.await(id, order.PaymentPending)
	other.cancel(id).expect(200)
	b.buy()
}

func TestBrowserIsToldThatSomeoneWasFaster(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(1)
	b := s.browse("/")
	b.forgive(conflict)
	b.finds("button", "Buy for €12.50")
	release := b.hold("*/products")
	s.anyone().buy(productID, 1)
	b.press("button", "Buy for €12.50")
	b.finds("button", "Ordering…") // its refusal is explained by what the products are now
	release()
	b.sees("#product-list [role=alert]", "Just sold out")
	b.finds("button", "Sold out")
}

func TestBrowserIsAskedAgainWhenThePriceHasChanged(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(5)
	b := s.askedAgain(productID)
	s.expectLedger(productID, ledger{Available: 5})
	b.press("button", "Buy for €13.99")
	b.finds("link", "Pay €13.99")
}

// askedAgain opens the shop for a buyer who pressed Buy for €12.50 when the product
// had just come to cost €13.99.
func (s *shop) askedAgain(productID string) *tab {
	s.t.Helper()
	b := s.browse("/")
	b.forgive(conflict)
	b.finds("button", "Buy for €12.50")
	release := b.hold("*/products")
	s.change(productID, map[string]any{"unitPrice": 1399})
	b.press("button", "Buy for €12.50")
	b.finds("button", "Ordering…")
	release()
	b.finds("button", "Buy for €13.99")
	b.sees("#product-list [role=alert]", "The price has changed")
	return b
}

func TestBrowserSeesASaleOpenByItself(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(5)
	s.change(productID, map[string]any{"startsAt": time.Now().Add(time.Hour)})
	b := s.browse("/")
	b.sees("#product-list", "Opens in")
	b.sees(".figures", "Next sale in")
	s.change(productID, map[string]any{"startsAt": time.Now().Add(5 * time.Second)})
	b.buy()
}

func TestBrowserShowsAnOrderInAllTabsOfItsBuyer(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	first := s.browse("/")
	first.finds("button", "Buy for €12.50")
	second := first.again(s.url)
	second.sees("#live", "Live")
	first.buy()
	second.seesOrder("Awaiting payment")
	second.pay()
	second.seesOrder("Confirmed")
	first.seesOrder("Confirmed")
}

func TestBrowserWithoutDemoLoginIsToldWhatItNeeds(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	s.product(5)
	b := s.browse("/")
	b.forgive(notFound)
	b.sees("#orders", "You are just looking")
	b.finds("button", "Sign in to buy")
	board := s.browse("/board")
	board.forgive(unauthorized, notFound)
	board.press("button", "Open as demo operator")
	board.sees(".verdict", "An administrator's token is needed")
}

// change puts a product of the shop with changes, which the gate then knows.
func (s *shop) change(id string, changes map[string]any) {
	s.t.Helper()
	body := map[string]any{"name": "Product " + id, "unitPrice": unitPrice, "currency": "EUR", "stock": 5}
	for name, value := range changes {
		body[name] = value
	}
	s.buyer("root", admin).call("PUT", "/admin/products/"+id, body).expect(200)
	s.awaitGate(id)
}
