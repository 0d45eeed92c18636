package e2e

import (
	"testing"
	"time"
)

// hideable lets a test hide the page from its buyer, and counts its streams.
const hideable = `
	window.away = false
	window.streams = 0
	Object.defineProperty(document, "hidden", { get: () => away })
	window.hide = (yes) => { away = yes; document.dispatchEvent(new Event("visibilitychange")) }
	window.EventSource = class extends EventSource { constructor(...all) { super(...all); streams++ } }`

// A proxy may not let streams pass, or keep to itself what they are sent, and a
// buyer may have too many of them.
func TestBrowserShowsOrdersThoughNoStreamCanBeOpened(t *testing.T) {
	t.Parallel()
	for name, begins := range map[string]string{
		"refused": `setTimeout(() => this.dispatchEvent(new Event("error")))`,
		"silent":  ``,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStorefront(t)
			s.start("all")
			s.product(5)
			b := s.prepared(`window.EventSource = class extends EventTarget {
				static OPEN = 1
				constructor() { super(); ` + begins + ` }
				close() {}
			}`)
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
