package e2e

import (
	"testing"
	"time"
)

// The clock of a device is set by its network, its owner, and the summer.
func TestBrowserCountsDownByTheServersClockThoughItsOwnIsSet(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.change(s.product(5), map[string]any{"startsAt": time.Now().Add(36*time.Hour - time.Minute)})
	b := s.browse("/")
	b.sees("#product-list", "Opens in 1 d 11:")
	b.script(`const ask = fetch // no answer is as quick as the one that the clock was read by
		fetch = (...all) => ask(...all).then((answer) => new Promise((go) => setTimeout(go, 1000, answer)))
		const clock = Date.now
		Date.now = () => clock() - 7_200_000`)
	b.sees("#product-list", "Opens in 1 d 13:")
	b.sees("#product-list", "Opens in 1 d 11:")
}

func TestBrowserShowsTheLaterOfTwoLooksAtTheShelf(t *testing.T) {
	t.Parallel()
	s, productID, b := offered(t)
	b.script(`const ask = fetch
		fetch = (path, ...rest) => {
			if (path !== "/products") return ask(path, ...rest)
			fetch = ask
			return ask(path, ...rest).then(async (answer) => {
				const text = await answer.text()
				await new Promise((go) => { window.release = go })
				return new Response(text)
			})
		}`)
	b.becomes("Boolean(window.release)")
	s.change(productID, map[string]any{"unitPrice": 1399})
	time.Sleep(time.Second) // the service's own copy is renewed
	b.script(`dispatchEvent(new Event("online"))`)
	b.finds("button", "Buy for €13.99")
	b.script("release()")
	time.Sleep(500 * time.Millisecond)
	if price, _ := b.text("#product-list .price"); price != "€13.99" {
		t.Errorf("the price is %s again", price)
	}
}

// No stream tells of it, and the page of the list is another one.
func TestBrowserShowsHowAnOrderEndedThatTheFilterWouldHide(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	b := s.prepared(streaming + `answer = () => Promise.reject(new TypeError("no network"))`)
	b.buy()
	b.script(`const filter = document.getElementById("order-filter")
		filter.value = "PAYMENT_PENDING"
		filter.dispatchEvent(new Event("change"))`)
	s.paid(s.newestOrder(b.buyer())).expect(200)
	b.sees("#orders", "No orders like that.")
}

// What is refused is explained by what the shelf shows, if that can be read.
func TestBrowserNamesNoPriceThatIsNotTheNewOne(t *testing.T) {
	t.Parallel()
	s, productID, b := offered(t)
	b.forgive(conflict)
	b.script(`const ask = fetch
		fetch = (path, ...rest) => path === "/products" ? Promise.reject(new TypeError("no network")) : ask(path, ...rest)`)
	s.change(productID, map[string]any{"unitPrice": 1399})
	b.press("button", "Buy for €12.50")
	b.sees("#product-list [role=alert]", "The new one shows up here in a moment")
}
