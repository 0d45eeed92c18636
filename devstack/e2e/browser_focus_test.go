package e2e

import (
	"testing"
	"time"
)

// focus puts the focus on the first element that matches.
func (b *tab) focus(selector string) {
	b.t.Helper()
	b.becomes(`document.querySelector("` + selector + `")?.checkVisibility()`)
	b.script(`document.querySelector("` + selector + `").focus()`)
	b.focuses(selector)
}

// focuses waits until the focus is on something that matches, and stays there.
func (b *tab) focuses(selector string) {
	b.t.Helper()
	b.becomes(`document.activeElement.matches("` + selector + `")`)
	time.Sleep(4 * look) // what is disabled or hidden loses it with the next frame
	b.becomes(`document.activeElement.matches("` + selector + `")`)
}

func TestBrowserKeepsTheFocusThoughTheLastUnitGoes(t *testing.T) {
	t.Parallel()
	for _, control := range []string{"[data-part=more]", "[name=quantity]"} {
		t.Run(control, func(t *testing.T) {
			t.Parallel()
			s, productID, b := offered(t)
			b.focus(control)
			s.anyone().buy(productID, 5)
			b.finds("button", "Sold out")
			b.focuses(control)
		})
	}
}

func TestBrowserHandsTheFocusOnWhenWhatHasItIsGone(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]string{"Pay": "", "a whole order": "PAYMENT_PENDING"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, b := offered(t)
			b.buy()
			b.script(`const filter = document.getElementById("order-filter")
				filter.value = "` + filter + `"
				filter.dispatchEvent(new Event("change"))`)
			b.focus("#order-list [data-part=pay]")
			s.paid(s.newestOrder(b.buyer())).expect(200)
			if filter == "" {
				b.focuses("#order-list summary")
			} else {
				b.focuses("#order-filter")
			}
		})
	}
}

func TestBrowserGoesOnAtTheFirstOlderOrder(t *testing.T) {
	t.Parallel()
	b := withTwelveOrders(t)
	b.press("button", "Show older orders")
	b.focuses("#order-list li:nth-child(n + 11) summary")
}

// An alert is read aloud as a whole whenever something in it changes.
func TestBrowserSaysOnceThatItTriesAgain(t *testing.T) {
	t.Parallel()
	_, _, b := offered(t)
	b.answered(proxyPage(503, `"Retry-After": "30"`))
	b.press("button", "Buy for €12.50")
	b.sees("#product-list [role=alert]", "Next in")
	b.script(`window.said = []
		new MutationObserver((all) => all.forEach(({ target }) => {
			const element = target.parentElement && target.nodeType === Node.TEXT_NODE ? target.parentElement : target
			if (!element.closest("[aria-hidden=true]")) said.push(element.textContent)
		})).observe(document.querySelector("#product-list [role=alert]"), { subtree: true, childList: true, characterData: true, attributes: true })`)
	before, _ := b.text("#product-list [role=alert]")
	b.becomes(`document.querySelector("#product-list [role=alert]").innerText.split(/\\s+/).join(" ") !== "` + before + `"`)
	time.Sleep(2 * time.Second)
	if said := evaluate[[]string](b, "said"); len(said) > 0 {
		t.Errorf("a screen reader was told %q", said)
	}
	b.press("button", "Stop trying")
	b.focuses("#product-list [data-part=close]")
}

func TestBrowserLeavesAloneWhoHasGoneOnToAnotherProduct(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	s.product(5)
	b := s.browse("/")
	b.becomes(`document.querySelectorAll(".product").length === 2`)
	b.answered(proxyPage(503, `"Retry-After": "2"`))
	b.press("button", "Buy for €12.50")
	b.sees("#product-list [role=alert]", "as one and the same order")
	b.focus(".product:last-child [name=quantity]")
	b.seesOrder("Awaiting payment")
	b.focuses(".product:last-child [name=quantity]")
}
