package e2e

import (
	"testing"
	"time"
)

func TestBrowserBecomesSomeoneElseInAllTabs(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	first := s.browse("/")
	before := first.buyer()
	second := first.again(s.url)
	second.sees("#live", "Live")
	first.press("button", "Be someone else")
	after := first.another(before)
	second.sees("#buyer", "You are "+after)
	second.sees("#live", "Live")
}

// another waits for a buyer with another name than before.
func (b *tab) another(before string) string {
	b.t.Helper()
	b.becomes(`document.getElementById("buyer")?.textContent.startsWith("You are ") && document.getElementById("buyer").textContent !== "You are ` + before + `"`)
	return b.buyer()
}

// A tab gets no word of the other one, as while it looks for its service, but a
// new token for the old name, which it asked for before.
func TestBrowserStaysWhoItBecameThoughAnotherTabSignsInMeanwhile(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	first := s.browse("/")
	before := first.buyer()
	second := first.again(s.url)
	second.sees("#live", "Live")
	second.script(`addEventListener("storage", (event) => event.stopImmediatePropagation(), { capture: true })
		const ask = fetch
		fetch = async (...asked) => {
			const answer = await ask(...asked)
			window.signing = true
			while (localStorage.getItem("shop.buyer") === "` + before + `") await new Promise((go) => setTimeout(go, 20))
			return answer
		}
		import("/shop/session.js").then(({ signIn }) => signIn())`)
	second.becomes("window.signing === true")
	first.press("button", "Be someone else")
	after := first.another(before)
	time.Sleep(time.Second)
	first.visit(s.url + "/")
	if name := first.buyer(); name != after {
		t.Errorf("the buyer became %s, and then %s again", after, name)
	}
}

// The Back button brings pages back as they were left, with their timers.
func TestBrowserThatComesBackActsForNobodyButItsBuyer(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	productID := s.product(5)
	b := s.browse("/")
	before := b.buyer()
	b.finds("button", "Buy for €12.50")
	b.sees("#live", "Live")
	b.script(`localStorage.setItem("shop.buyer", "grace")
		dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`)
	b.sees("#buyer", "You are grace")

	b.finds("button", "Buy for €12.50")
	b.script(`localStorage.setItem("shop.buyer", "heidi")`)
	b.press("button", "Buy for €12.50")
	b.sees("#buyer", "You are heidi")
	b.sees("#live", "Live")
	time.Sleep(time.Second)
	s.expectLedger(productID, ledger{Available: 5})
	for _, name := range []string{before, "grace", "heidi"} {
		if n := len(s.ordersOf(name)); n > 0 {
			t.Errorf("%s has %d orders, want none", name, n)
		}
	}
}

// An order that was not answered yet is the old buyer's.
func TestBrowserOrdersNothingInTheNameOfWhoeverIsNext(t *testing.T) {
	t.Parallel()
	s, productID, b := offered(t)
	b.forgive(unauthorized)
	b.answered(`(localStorage.setItem("shop.buyer", "ivan"), new Response('{"type":"/problems/unauthenticated","code":"unauthenticated"}', { status: 401 }))`)
	b.press("button", "Buy for €12.50")
	b.sees("#buyer", "You are ivan")
	b.sees("#live", "Live")
	time.Sleep(time.Second)
	s.expectLedger(productID, ledger{Available: 5})
}

func TestBrowserFollowsOtherTabsThoughItMayKeepNothingItself(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	first := s.prepared(`Storage.prototype.setItem = () => { throw new DOMException("No room is left.", "QuotaExceededError") }`)
	before := first.buyer()
	second := first.again(s.url)
	after := second.buyer()
	if after == before {
		t.Fatalf("%s was kept", before)
	}
	first.sees("#buyer", "You are "+after)
}

// That there is no demo login is for the service to say.
func TestBrowserSignsInThoughAProxyDoesNotFindTheLogin(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	b := s.prepared(`const ask = fetch
		fetch = (path, ...rest) => {
			if (path !== "/dev/login") return ask(path, ...rest)
			fetch = ask
			return Promise.resolve(` + proxyPage(404, "") + `)
		}`)
	b.buy()
}
