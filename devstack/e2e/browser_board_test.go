package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"order-service/order"
)

func TestBrowserBoardShowsWhatWasBought(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.sell(s.product(10))
	b := s.operate()
	b.seesSold()
}

func TestBrowserBoardSaysWhenItsFiguresAreOldAndRecovers(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	svc := s.start("all")
	s.sell(s.product(10))
	b := s.operate()
	b.forgive(serverGone)
	b.seesSold()
	svc.kill()
	b.sees(".verdict", "Connection lost")
	b.sees(".verdict", "Last figures of")
	b.sees(".feed", "Reconnecting")
	s.startAt(svc.addr, suite.binary, "all", nil)
	b.sees(".feed", "Live")
	b.seesSold()
}

func TestBrowserBoardsComeBackAtTimesOfTheirOwnAndLessAndLess(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.preparedAt("/board", boarding+`answer = () => Promise.reject(new TypeError("no network"))
		const later = setTimeout
		window.pauses = []
		window.setTimeout = (call, after, ...rest) => {
			if (after % 1) pauses.push(after) // those by chance
			return later(call, after / 50, ...rest)
		}`)
	b.forgive(unauthorized)
	b.becomes("pauses.length >= 15")
	pauses := evaluate[[]float64](b, "pauses")
	if longest := slices.Max(pauses[3:]); longest < 8_000 || longest > 30_000 {
		t.Errorf("the longest pause of %v ms is %g, want more than at first and no more than 30,000", pauses, longest)
	}
	if first := pauses[0]; first < 1_000 || first > 4_000 {
		t.Errorf("the first pause is %g ms, want 1,000 to 4,000", first)
	}
}

func TestBrowserBoardAsksNowAndThenWhereAProxyAnswersWithAPage(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.preparedAt("/board", boarding+`answer = () => Promise.resolve(`+proxyPage(200, "")+`)`)
	b.forgive(unauthorized)
	b.sees(".verdict", "Connection lost")
	time.Sleep(2 * time.Second)
	if n := evaluate[int](b, "streams"); n > 4 {
		t.Errorf("it asked %d times in two seconds", n)
	}
}

func TestBrowserBoardTriesAgainThoughAnAnswerNeverComes(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.preparedAt("/board", boarding+`answer = () => { answer = ask; return new Promise(() => {}) }`)
	b.forgive(unauthorized)
	b.sees(".verdict", "The board is for operators of the sale.")
}

func TestBrowserBoardShowsWhatItCanOfAPointOfAnotherVersion(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.preparedAt("/board", boarding+`
		const point = {
			at: new Date().toISOString(), process: "another", orders: {}, intake: {}, streams: 7,
			health: { level: "ok", reasons: [] }, products: [{ productId: "without a state" }],
		}
		const body = new ReadableStream({
			start: (stream) => stream.enqueue(new TextEncoder().encode("event: board\ndata: " + JSON.stringify(point) + "\n\n")),
		})
		answer = () => Promise.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }))`)
	b.forgive("TypeError")
	b.sees("#vitals", "Live streams 7")
	b.sees("#process", "another")
	b.until("a complaint about the product", func(context.Context) (bool, error) { return b.forget() > 0, nil })
}

func TestBrowserBoardOpensByItselfWhenItsOperatorSignsInElsewhere(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	board := s.browse("/board")
	board.forgive(unauthorized)
	board.sees(".verdict", "The board is for operators of the sale.")
	elsewhere := board.again(s.url)
	elsewhere.sees("#live", "Live")
	promised[bool](elsewhere, `fetch("/dev/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"userId":"operator","admin":true}' })
		.then((response) => response.ok)`)
	board.script(`dispatchEvent(new Event("focus"))`)
	board.sees(".feed", "Live")
}

// sell has two units of the product bought and another one waited for.
func (s *shop) sell(productID string) {
	s.t.Helper()
	one, other := s.anyone(), s.anyone()
	paid, open := one.buy(productID, 2), other.buy(productID, 1)
	s.paid(one.await(paid, order.PaymentPending)).expect(200)
	one.await(paid, order.Confirmed)
	other.await(open, order.PaymentPending)
}

// operate opens the board as its operator.
func (s *shop) operate() *tab {
	s.t.Helper()
	b := s.browse("/board")
	b.forgive(unauthorized)
	b.sees(".verdict", "The board is for operators of the sale.")
	b.press("button", "Open as demo operator")
	b.sees(".feed", "Live")
	return b
}

// seesSold waits for the figures that sell leaves.
func (b *tab) seesSold() {
	b.t.Helper()
	for _, figure := range []string{"2 sold", "1 reserved", "7 left"} {
		b.sees("#stock", figure)
	}
	b.sees("#orders-total", "2")
	for _, figure := range []string{"confirmed 1", "awaiting payment 1", "failed 0"} {
		b.sees("#funnel", figure)
	}
	b.sees("#vitals", "Open payments 1 €12.50")
}
