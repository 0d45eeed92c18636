package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// hold keeps requests whose URL matches the pattern from leaving the browser,
// until the returned function lets them go. It returns with the first one: what the
// page had asked for before, which asks for one thing at a time, is answered.
func (b *tab) hold(pattern string) (release func()) {
	b.t.Helper()
	before := b.heldBack()
	send(b, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: pattern}}})
	b.until("a request for "+pattern, func(context.Context) (bool, error) { return b.heldBack() > before, nil })
	return func() { send(b, fetch.Disable, cdp.Empty{}) }
}

// heldBack is how many requests did not leave the browser.
func (b *tab) heldBack() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// offline takes the network from the tab, or gives it back.
func (b *tab) offline(yes bool) {
	b.t.Helper()
	conditions := &network.Conditions{Offline: yes, DownloadThroughput: -1, UploadThroughput: -1}
	if _, err := chromedp.Call(b.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{conditions},
	}); err != nil {
		b.t.Fatal(err)
	}
	send(b, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: yes, DownloadThroughput: -1, UploadThroughput: -1})
}

func TestBrowserCatchesUpAfterTheServerWasKilledInMidOrder(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	svc := s.start("all")
	productID := s.product(5)
	b := s.browse("/")
	b.forgive(serverGone)
	b.press("button", "Buy for €12.50")
	b.sees("#order-list", "Order placed")
	svc.kill()
	b.sees("#live", "Retrying")
	b.sees("#toast", "The connection was lost")
	s.startAt(svc.addr, suite.binary, "all", nil)
	b.sees("#live", "Live")
	b.seesOrder("Awaiting payment")
	b.pay()
	b.seesOrder("Confirmed")
	s.expectLedger(productID, ledger{Available: 4, Confirmed: 1})
}

func TestBrowserOrdersOnceThoughTheServerIsAwayWhenBuyIsPressed(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	svc := s.start("all")
	productID := s.product(5)
	b := s.browse("/")
	b.forgive(serverGone)
	b.finds("button", "Buy for €12.50")
	svc.kill()
	b.press("button", "Buy for €12.50")
	b.sees("#product-list [role=alert]", "as one and the same order")
	s.startAt(svc.addr, suite.binary, "all", nil)
	b.seesOrder("Awaiting payment")
	s.expectLedger(productID, ledger{Available: 4, Reserved: 1})
}

func TestBrowserThatWasOfflineShowsWhatHappenedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	b := s.browse("/")
	b.forgive(serverGone)
	b.buy()
	b.offline(true)
	b.sees("#live", "Offline")
	b.sees("#toast", "You are offline")
	s.paid(s.newestOrder(b.buyer())).expect(200)
	b.offline(false)
	b.sees("#live", "Live")
	b.seesOrder("Confirmed")
}

// buyer is the name that the shop gave the person at the tab.
func (b *tab) buyer() string {
	b.t.Helper()
	b.sees("#buyer", "You are ")
	text, err := b.text("#buyer")
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimPrefix(text, "You are ")
}

func (s *shop) newestOrder(userID string) orderView {
	s.t.Helper()
	orders := s.ordersOf(userID)
	if len(orders) == 0 {
		s.t.Fatalf("%s has no orders", userID)
	}
	return orders[0]
}
