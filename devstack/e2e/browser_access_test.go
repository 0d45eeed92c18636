package e2e

import (
	"context"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestBrowserBuysByKeyboardOnly(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	b := s.browse("/")
	b.finds("button", "Buy for €12.50")
	b.tabTo("button", "Buy for €12.50")
	b.key(kb.Enter)
	b.seesOrder("Awaiting payment")
	b.tabTo("link", "Pay €12.50")
	b.key(kb.Enter)
	b.sees("h1", "To pay")
	b.tabTo("button", "Pay 12.50 EUR")
	b.key(kb.Enter)
	b.sees("h1", "Thank you!")
	b.tabTo("link", "Back to the shop")
	b.key(kb.Enter)
	b.seesOrder("Confirmed")
}

func TestBrowserPagesNameWhatCanBeUsedAndFitAPhone(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)

	shop := s.browse("/")
	shop.buy()
	shop.accessible("/")
	shop.press("link", "Pay €12.50")
	shop.sees("h1", "To pay")
	shop.accessible("/sandbox/pay")

	board := s.operate()
	board.sees("#stock", "4 left")
	board.accessible("/board")

	docs := s.browse("/docs")
	docs.finds("link", "Orders")
	docs.accessible("/docs")
}

func TestBrowserPagesFitASmallPhoneThoughTheyHaveMuchToSay(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.priced(9_007_199_254_740, "USD")
	shop := s.browse("/")
	shop.finds("button", "Buy for $90,071,992,547.40")
	shop.answered(proxyPage(503, `"Retry-After": "20"`))
	shop.press("button", "Buy for $90,071,992,547.40")
	shop.sees("#product-list [role=alert]", "Next in")
	shop.resize(320, 640)
	shop.becomes(`[document.querySelector("[role=alert]")].every((note) => note.scrollHeight <= note.clientHeight)`)
	shop.fitsPhone("a shop that tries again")
	shop.seesOrder("Awaiting payment")
	shop.fitsPhone("a shop with an order")
	shop.resize(320, 640)
	shop.becomes(`document.querySelector("#order-list .what").clientWidth > 100`)
	shop.press("link", "Pay $90,071,992,547.40")
	shop.sees("h1", "To pay")
	shop.fitsPhone("the sandbox")

	board := s.operate()
	board.sees("#refusals-note", "nothing refused")
	for _, width := range []int64{320, 1280} {
		board.resize(width, 800)
		board.becomes(`(([title, note]) => title.bottom <= note.top || title.right <= note.left)(["refusals-title", "refusals-note"].map((id) => {
			const range = document.createRange()
			range.selectNodeContents(document.getElementById(id))
			return range.getBoundingClientRect()
		}))`)
	}
}

func TestBrowserShowsTheReferenceOfTheAPI(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.browse("/docs")
	b.sees("main", "/orders/{id}/cancel")
	b.press("link", "Orders")
}

// accessible checks the basics: names, a title, a language, and no scrolling
// to the side on a small phone.
func (b *tab) accessible(page string) {
	b.t.Helper()
	for _, node := range b.tree() {
		if usable(node) && plain(node.Name) == "" {
			b.t.Errorf("%s: a %s has no name: %s", page, plain(node.Role), b.markup(node))
		}
	}
	if !evaluate[bool](b, "Boolean(document.title && document.documentElement.lang && document.querySelector('main'))") {
		b.t.Errorf("%s has no title, language or main part", page)
	}
	b.fitsPhone(page)
}

// fitsPhone waits until the page needs no scrolling to the side on a small
// phone: charts follow the width a moment later.
func (b *tab) fitsPhone(page string) {
	b.t.Helper()
	b.resize(320, 640)
	defer b.resize(1280, 800)
	var outside string
	defer func() {
		if b.t.Failed() {
			b.t.Logf("%s is too wide: %s", page, outside)
		}
	}()
	b.until("a page that fits a phone", func(ctx context.Context) (fits bool, err error) {
		outside, err = chromedp.Run(ctx, chromedp.Evaluate[string](tooWide))
		return outside == "", err
	})
}

// tooWide is the element that reaches furthest to the right of a page that
// scrolls to that side.
const tooWide = `document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("body *")].reduce((a, b) =>
	a.getBoundingClientRect().right >= b.getBoundingClientRect().right ? a : b).outerHTML.slice(0, 200)`

// tree is the page as told to a screen reader.
func (b *tab) tree() []*accessibility.Node {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	return tree.Nodes
}

// usable reports whether node is something to press, fill in or follow.
func usable(node *accessibility.Node) bool {
	roles := []string{
		"button", "checkbox", "combobox", "link", "menuitem", "radio", "searchbox", "slider", "spinbutton", "switch", "tab", "textbox",
	}
	return !node.Ignored && slices.Contains(roles, plain(node.Role))
}
