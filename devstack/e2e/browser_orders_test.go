package e2e

import (
	"testing"
	"time"
)

// looked is when the page has read the newest orders, has done so again for those
// that its stream tells of, and then rested for a second.
const looked = `(() => {
	const looks = performance.getEntriesByType("resource").filter((e) => e.name.includes("/orders?"))
	return looks.length >= 2 && performance.now() - Math.max(...looks.map((e) => e.responseEnd)) > 1000
})()`

// withTwelveOrders is a shop's page whose buyer has more orders than it lists at once.
func withTwelveOrders(t *testing.T) *tab {
	t.Helper()
	s := newStorefront(t)
	s.start("api")
	productID := s.product(20)
	b := s.browse("/")
	for buyer, n := s.buyer(b.buyer(), user), 0; n < 12; n++ {
		buyer.buy(productID, 1)
	}
	b.visit(s.url + "/")
	return b
}

// The arrow keys go through a list of choices faster than answers come.
func TestBrowserPagesThroughWhatTheLastFilterLetsThrough(t *testing.T) {
	t.Parallel()
	b := withTwelveOrders(t)
	b.finds("button", "Show older orders")
	b.becomes(looked) // the stream has told of orders that are not listed yet, and they are looked for
	b.script(`const ask = fetch
		window.held = []
		window.answers = 0
		fetch = async (path, ...rest) => {
			if (!String(path).startsWith("/orders?")) return ask(path, ...rest)
			await new Promise((go) => held.push(go))
			const answer = await ask(path, ...rest)
			answers++
			return answer
		}
		const filter = document.getElementById("order-filter")
		for (filter.value of ["CONFIRMED", ""]) filter.dispatchEvent(new Event("change"))`)
	b.becomes("held.length === 2")
	for _, done := range []string{"answers === 1", "answers === 2"} {
		b.script("held.shift()()")
		b.becomes(done)
		time.Sleep(200 * time.Millisecond) // and its content is read
	}
	b.finds("button", "Show older orders")
}
