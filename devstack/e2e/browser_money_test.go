package e2e

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
)

// priced puts a product on sale at so many minor units of a currency.
func (s *shop) priced(unitPrice int64, currency string) {
	s.t.Helper()
	id := "p-" + strings.ToLower(rand.Text()[:12])
	body := map[string]any{"name": "In " + currency, "unitPrice": unitPrice, "currency": currency, "stock": 5}
	s.buyer("root", admin).call("PUT", "/admin/products/"+id, body).expect(200)
}

// CLDR, by which browsers format, has no digits for the first and the same as
// ISO 4217 for the second. The third is as large as a price can be.
func TestBrowserShowsOneAmountInShopSandboxAndBoard(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.priced(129_050, "RSD")
	s.priced(1_250, "KWD")
	s.priced(9_007_199_254_740, "USD")
	b := s.browse("/")
	for _, price := range []string{"RSD 1,290.50", "KWD 1.250", "$90,071,992,547.40"} {
		b.sees("#product-list", price)
	}
	b.press("button", "Buy for RSD\u00a01,290.50")
	b.seesOrder("RSD 1,290.50")
	b.press("link", "Pay RSD\u00a01,290.50")
	b.decides("Pay 1290.50 RSD", "1290.50 RSD paid")
	board := s.operate()
	for _, price := range []string{"RSD 1,290.50", "KWD 1.250", "$90.1B"} {
		board.sees("#stock", price)
	}
}

// A product that cannot be shown, as nobody thought of, is missing, and no other.
func TestBrowserShowsTheProductsBesideOneThatItCannotShow(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(3)
	b := s.browse("/")
	b.forgive("RangeError")
	b.finds("button", "Buy for €12.50")
	evaluate[bool](b, fmt.Sprintf(`(() => {
		const ask = fetch
		fetch = (path, ...rest) => path === "/products" ? Promise.resolve(new Response(%q)) : ask(path, ...rest)
		return true
	})()`, `{"products":[
		{"productId":"bad","name":"Bad","unitPrice":1,"currency":"EUR","available":1,"state":"upcoming","startsAt":"10000-01-01T00:00:00.000Z","serverTime":"2026-01-01T00:00:00.000Z"},
		{"productId":"good","name":"Good","unitPrice":700,"currency":"EUR","available":1,"state":"open","serverTime":"2026-01-01T00:00:00.000Z"}]}`))
	b.finds("button", "Buy for €7.00")
}
