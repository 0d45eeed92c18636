package e2e

import (
	"fmt"
	"testing"
	"time"
)

// proxyPage is an answer of a proxy's own.
func proxyPage(status int, headers string) string {
	return fmt.Sprintf(`new Response("<h1>Something is wrong</h1>", { status: %d, headers: { "Content-Type": "text/html", %s } })`, status, headers)
}

func TestBrowserTriesAgainWhenAProxySaysThatNoServerIsThere(t *testing.T) {
	t.Parallel()
	s, productID, b := offered(t)
	b.answered(proxyPage(503, ""))
	b.buy()
	s.expectLedger(productID, ledger{Available: 4, Reserved: 1})
}

func TestBrowserTriesAgainWhenAProxyHasTooMuchToDo(t *testing.T) {
	t.Parallel()
	s, productID, b := offered(t)
	b.answered(proxyPage(429, ""), proxyPage(408, ""))
	b.buy()
	s.expectLedger(productID, ledger{Available: 4, Reserved: 1})
}

// A proxy knows nothing of the first try, which the service took.
func TestBrowserOrdersOnceThoughAProxyRefusesTheSecondTry(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]string{
		"forbidden": proxyPage(403, ""),
		"not found": proxyPage(404, ""),
		"too large": proxyPage(413, ""),
		"problem":   `new Response('{"type":"about:blank","title":"Forbidden","status":403}', { status: 403, headers: { "Content-Type": "application/problem+json" } })`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, b := offered(t)
			b.answered("ask(path, options).then(() => "+proxyPage(504, "")+")", refusal)
			b.press("button", "Buy for €12.50")
			b.sees("#product-list [role=alert]", "That did not work")
			b.press("button", "Buy for €12.50")
			b.finds("button", "Ordered ✓")
			s.hasOrdered(b, 1)
		})
	}
}

// A time that a proxy tells is for all of its buyers; in an hour nobody waits
// for it any more.
func TestBrowserWaitsAsLongAsItIsToldButNotForAnHour(t *testing.T) {
	t.Parallel()
	_, _, b := offered(t)
	for retryAfter, seconds := range map[string]struct{ least, most float64 }{
		`"20"`:            {20, 25},
		`"3600"`:          {60, 75},
		`"3000000"`:       {60, 75}, // more milliseconds than a timer can take, which then ends at once
		`"9".repeat(400)`: {60, 75},
		`new Date(Date.now() + 30_000).toUTCString()`: {20, 40},
		`"Thu, 01 Jan 1970 00:00:00 GMT"`:             {0.5, 1.5},
		`"-5"`:                                        {0.5, 1.5},
		`"soon"`:                                      {0.5, 1.5},
		`"0x10"`:                                      {0.5, 1.5},
	} {
		wait := promised[float64](b, fmt.Sprintf(`import("/shop/api.js").then(async ({ patience, request }) => {
			const ask = fetch
			fetch = () => { fetch = ask; return Promise.resolve(%s) }
			return patience(await request("GET", "/").catch((problem) => problem), 0) / 1000
		})`, proxyPage(503, `"Retry-After": `+retryAfter)))
		if wait < seconds.least || wait > seconds.most {
			t.Errorf("told %s it waits %g s, want %g to %g", retryAfter, wait, seconds.least, seconds.most)
		}
	}
}

func TestBrowserDoesNotHammerAShopThatIsAwayForAMonth(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	b := s.prepared(`const ask = fetch
		window.looks = 0
		fetch = (path, ...rest) => path === "/products" && ++looks ? Promise.resolve(` + proxyPage(503, `"Retry-After": "3000000"`) + `) : ask(path, ...rest)`)
	b.becomes("looks > 0")
	b.sees("#live", "Live")
	time.Sleep(2 * time.Second)
	if n := evaluate[int](b, "looks"); n > 3 {
		t.Errorf("it looked for products %d times in two seconds", n)
	}
}
