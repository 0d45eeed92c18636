package e2e

import (
	"fmt"
	"testing"
	"time"
)

// streaming holds the streams of the shop, boarding those of the board.
const (
	streaming = `const events = "/orders/events"` + streamsOf
	boarding  = `const events = "/board/events"` + streamsOf
)

// streamsOf counts a page's streams and logins, and lets a test answer the former.
const streamsOf = `
	const ask = fetch
	window.streams = 0
	window.logins = 0
	window.answer = ask
	fetch = (path, ...rest) => {
		if (path === "/dev/login") logins++
		if (path !== events) return ask(path, ...rest)
		streams++
		return answer(path, ...rest)
	}
`

// hideable lets a test hide the page from its buyer, too.
const hideable = streaming + `
	window.away = false
	Object.defineProperty(document, "hidden", { get: () => away })
	window.hide = (yes) => { away = yes; document.dispatchEvent(new Event("visibilitychange")) }
`

// A proxy may not let streams pass, or keep to itself what they are sent, and a
// buyer may have too many of them.
func TestBrowserShowsOrdersThoughNoStreamCanBeOpened(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"refused": `Promise.reject(new TypeError("no network"))`,
		"silent":  `new Promise(() => {})`,
		"kept":    `Promise.resolve(new Response(new ReadableStream(), { headers: { "Content-Type": "text/event-stream" } }))`,
		"ended":   `Promise.resolve(new Response("retry: 1000\n\n", { headers: { "Content-Type": "text/event-stream" } }))`,
		"a page":  `Promise.resolve(` + proxyPage(200, "") + `)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStorefront(t)
			s.start("all")
			s.product(5)
			b := s.prepared(streaming + `answer = () => ` + answer)
			b.sees("#orders", "Buy something and watch it move")
			b.buy()
		})
	}
}

// Timers stand still in a page that is frozen, and nobody tells it that its
// connection has gone.
func TestBrowserOpensItsStreamAnewAfterALongSleep(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.prepared(hideable)
	b.sees("#live", "Live")
	b.script(`window.before = streams; hide(true); const clock = Date.now; Date.now = () => clock() + 3_600_000; hide(false)`)
	b.becomes("streams > before")
	b.sees("#live", "Live")
}

func TestBrowserRestsInATabThatNobodySeesThoughTheNetworkComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.prepared(hideable + `
		const later = setTimeout
		window.setTimeout = (call, after, ...rest) => later(call, after === 60_000 ? 50 : after, ...rest)`)
	b.sees("#live", "Live")
	b.script(`hide(true)`)
	b.sees("#live", "Paused")
	before := evaluate[int](b, "streams")
	b.script(`for (const what of ["offline", "online"]) dispatchEvent(new Event(what))`)
	time.Sleep(time.Second)
	if n := evaluate[int](b, "streams") - before; n != 0 {
		t.Errorf("%d streams opened, want none for a tab that rests", n)
	}
	b.script(`hide(false)`)
	b.sees("#live", "Live")
}

// Every buyer of a server that was away comes back; signing in first, each would
// ask it twice.
func TestBrowserComesBackWithTheTokenThatItHas(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	s.product(5)
	b := s.prepared(streaming)
	b.sees("#live", "Live")
	b.script(`window.before = [streams, logins]
		fetch("/dev/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"userId":"mallory"}' })
		.then(() => dispatchEvent(new Event("online")))`)
	b.becomes("streams > before[0]")
	b.sees("#live", "Live")
	b.buy() // the stream is the buyer's, and not of whom the cookie is now
	if n := evaluate[int](b, "logins - before[1]"); n != 1 {
		t.Errorf("%d logins, want only the test's", n)
	}
}

func TestBrowserComesToAStreamAsLateAsItIsAskedTo(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.prepared(streaming + `answer = () => {
		answer = ask
		return Promise.resolve(` + proxyPage(429, `"Retry-After": "9"`) + `)
	}`)
	b.sees("#live", "Retrying")
	time.Sleep(7 * time.Second) // it would try after 4 at most
	if n := evaluate[int](b, "streams"); n != 1 {
		t.Errorf("%d streams were asked for within 9 seconds, want none after the first", n)
	}
	b.sees("#live", "Live")
}

// A phone that changes its network, and a proxy that forgets: nobody tells.
func TestBrowserNoticesThatItsConnectionHasGone(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.prepared(streaming + `
		const later = setTimeout
		window.setTimeout = (call, after, ...rest) => later(call, after === 45_000 && streams === 1 ? 1500 : after, ...rest)`)
	b.sees("#live", "Live")
	b.becomes("streams > 1")
	b.sees("#live", "Live")
}

func TestBrowserSignsInAgainWhenItsTokenHasEnded(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.prepared(streaming + `answer = () => { answer = ask; return Promise.resolve(` + proxyPage(401, "") + `) }`)
	b.becomes("logins > 1")
	b.sees("#live", "Live")
}

// WHATWG HTML, section 9.2.6, a byte at a time.
func TestBrowserReadsAStreamHoweverItIsCut(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.browse("/")
	for stream, want := range map[string]string{
		`data: one\n\ndata: two\n\n`:                    `message=one message=two`,
		`\uFEFFdata: marked\n\n`:                        `message=marked`,
		`data: 1\r\rdata: 2\r\n\r\ndata: 3\n\n`:         `message=1 message=2 message=3`,
		`event: progress\r\ndata: a\r\ndata: b\r\n\r\n`: `progress=a|b`,
		`: beat\n\n:\n\ndata: x\n: y\n\n`:               `message=x`,
		`data: Größe €5 😀\n\n`:                          `message=Größe €5 😀`,
		`data:close\ndata:  far\n\n`:                    `message=close| far`,
		`data\n\ndata:\ndata\n\n`:                       `message= message=|`,
		`event: none\n\ndata: after\n\n`:                `message=after`,
		`data: a: b\nid: 7\nretry: 5\nnothing: x\n\n`:   `message=a: b`,
		`data: unfinished\n`:                            ``,
	} {
		for _, size := range []int{1, 2, 1000} {
			got := promised[string](b, fmt.Sprintf(`import("/shop/source.js").then(({ Events }) => {
				const heard = []
				const events = new Events((type, data) => heard.push(type + "=" + data.replaceAll("\n", "|")))
				const bytes = new TextEncoder().encode("%s")
				for (let at = 0; at < bytes.length; at += %d) events.take(bytes.slice(at, at + %[2]d))
				return heard.join(" ")
			})`, stream, size))
			if got != want {
				t.Errorf("%s in pieces of %d gives %q, want %q", stream, size, got, want)
			}
		}
	}
}
