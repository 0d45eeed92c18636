package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// prepared opens a tab in which a script runs before each page's own.
func (s *shop) prepared(script string) *tab {
	s.t.Helper()
	return s.preparedAt("/", script)
}

func (s *shop) preparedAt(path, script string) *tab {
	s.t.Helper()
	b := s.browse("/icon.svg")
	b.forgive(notFound) // a picture has no icon
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		s.t.Fatal(err)
	}
	b.visit(s.url + path)
	return b
}

// script runs statements in the page.
func (b *tab) script(statements string) {
	b.t.Helper()
	evaluate[bool](b, fmt.Sprintf("(() => { %s; return true })()", statements))
}

// becomes waits until an expression is true in the page.
func (b *tab) becomes(expression string) {
	b.t.Helper()
	b.until(expression, func(ctx context.Context) (bool, error) {
		return chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
	})
}

// promised returns what a JavaScript promise comes to.
func promised[T any](b *tab, promise string) T {
	b.t.Helper()
	b.script("window.kept = null; (" + promise + ").then((value) => { window.kept = [value] })")
	b.becomes("window.kept !== null")
	return evaluate[T](b, "window.kept[0]")
}

// answered has the page's next orders answered by expressions, one each, instead
// of by the service. They may ask(path, options) that themselves.
func (b *tab) answered(responses ...string) {
	b.t.Helper()
	b.script(fmt.Sprintf(`const ask = fetch;
		const answers = [(path, options) => %s];
		fetch = async (path, options) => {
			if (path !== "/orders" || options.method !== "POST") return ask(path, options)
			if (answers.length === 1) fetch = ask
			return answers.shift()(path, options)
		}`, strings.Join(responses, ", (path, options) => ")))
}

// ordersOf are the newest orders of a buyer.
func (s *shop) ordersOf(userID string) []orderView {
	s.t.Helper()
	var list struct{ Orders []orderView }
	s.buyer(userID, user).call("GET", "/orders", nil).expect(200).decode(&list)
	return list.Orders
}

// hasOrdered checks how many orders the buyer at the tab has.
func (s *shop) hasOrdered(b *tab, want int) {
	s.t.Helper()
	if orders := s.ordersOf(b.buyer()); len(orders) != want {
		s.t.Errorf("%d orders were taken, want %d", len(orders), want)
	}
}

// offered is a shop with five units of a product, and a tab that offers it.
func offered(t *testing.T) (s *shop, productID string, b *tab) {
	t.Helper()
	s = newStorefront(t)
	s.start("all")
	productID = s.product(5)
	b = s.browse("/")
	b.finds("button", "Buy for €12.50")
	return s, productID, b
}

func TestBrowserBuysThoughStorageIsForbidden(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(5)
	b := s.prepared(`for (const name of ["localStorage", "sessionStorage"])
		Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied.", "SecurityError") } })`)
	b.buy()
	s.expectLedger(productID, ledger{Available: 4, Reserved: 1})
}

// What is on the button is what its buyer agrees to.
func TestBrowserBuysAtThePriceOnTheButtonOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(5)
	b := s.askedAgain(productID)
	s.change(productID, map[string]any{"unitPrice": 1499})
	b.sees("#product-list .price", "€14.99")
	b.press("button", "Buy for €13.99")
	b.sees("#product-list [role=alert]", "It is €14.99 now")
	s.expectLedger(productID, ledger{Available: 5})
}

func TestBrowserDoesNotOrderByItselfWhatItSaidDidNotWork(t *testing.T) {
	t.Parallel()
	s, productID, b := offered(t)
	b.answered(`new Response('{"code":"internal","title":"Something went wrong.","status":500}', { status: 500 })`)
	b.press("button", "Buy for €12.50")
	b.sees("#product-list [role=alert]", "That did not work")
	b.visit(s.url + "/")
	b.sees("#orders", "Buy something and watch it move")
	b.finds("button", "Buy for €12.50")
	time.Sleep(time.Second) // what is resumed is resumed by now
	s.expectLedger(productID, ledger{Available: 5})
	b.buy()
	s.expectLedger(productID, ledger{Available: 4, Reserved: 1})
}

// A phone that wakes up after an hour runs on where it was stopped.
func TestBrowserDoesNotBuyAfterALongSleep(t *testing.T) {
	t.Parallel()
	s, productID, b := offered(t)
	b.script(`const ask = fetch;
		window.away = true
		fetch = (path, options) => away && path === "/orders" ? Promise.reject(new TypeError("no network")) : ask(path, options)`)
	b.press("button", "Buy for €12.50")
	b.sees("#product-list [role=alert]", "as one and the same order")
	b.script(`const clock = Date.now; Date.now = () => clock() + 3_600_000; away = false`)
	b.sees("#product-list [role=alert]", "Still want it?")
	time.Sleep(2 * time.Second)
	s.expectLedger(productID, ledger{Available: 5})
}

// The first try got through, and nobody told.
func TestBrowserOrdersOnceThoughItsBuyerStillWantsItAfterALongSleep(t *testing.T) {
	t.Parallel()
	s, _, b := offered(t)
	b.answered(`ask(path, options).then(() => Promise.reject(new TypeError("no network")))`)
	b.press("button", "Buy for €12.50")
	b.sees("#product-list [role=alert]", "as one and the same order")
	b.script(`const clock = Date.now; Date.now = () => clock() + 3_600_000`)
	b.sees("#product-list [role=alert]", "Still want it?")
	b.press("button", "Buy for €12.50")
	b.finds("button", "Ordered ✓")
	s.hasOrdered(b, 1)
}

func TestBrowserBuysThoughItIsOfYesterday(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	b := s.prepared("delete AbortSignal.any")
	b.buy()
}
