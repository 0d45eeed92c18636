package e2e

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// look is the pause between two looks at a page.
const look = 50 * time.Millisecond

// tab is a page in front of somebody. Its methods find what a person would, by
// role, name and text, and wait for it up to patience.
//
// A page must not complain: console errors, uncaught exceptions and violations
// of its content security policy fail the test in the end, unless it forgives
// them.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	forgiven   []string
	complaints []string
	held       int // requests that did not leave the browser
}

// newStorefront is a shop whose pages can be used: with the demo login and the
// payment sandbox.
func newStorefront(t *testing.T, with ...string) *shop {
	t.Helper()
	return newShop(t, append([]string{"PAYMENT_URL", "", "PAYMENT_SANDBOX", "true", "DEV_LOGIN", "true"}, with...)...)
}

// browse opens a page of the shop for somebody who was never there.
func (s *shop) browse(path string) *tab {
	s.t.Helper()
	parent, err := suite.browser.open()
	if err != nil {
		s.t.Fatal(err)
	}
	b := newTab(s.t, parent, chromedp.WithNewBrowserContext())
	b.visit(s.url + path)
	return b
}

// again opens another tab of the same person.
func (b *tab) again(url string) *tab {
	b.t.Helper()
	other := newTab(b.t, b.ctx)
	other.visit(url)
	return other
}

func newTab(t *testing.T, parent context.Context, opts ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, forgiven: []string{unavailable}}
	ctx, end := chromedp.NewContext(parent, append(opts, chromedp.WithListener(b.hear))...)
	b.ctx = ctx
	t.Cleanup(func() { b.close(end) })
	if err := chromedp.Do(ctx); err != nil { // without a limit: the tab lives as long as this context
		t.Fatal(err)
	}
	b.resize(1280, 800)
	b.prefer()
	return b
}

func (b *tab) close(end func()) {
	if b.t.Failed() {
		text, err := b.text("body")
		b.t.Logf("the page says (%v): %s", err, text)
	}
	end()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, complaint := range b.complaints {
		if !slices.ContainsFunc(b.forgiven, func(text string) bool { return strings.Contains(complaint, text) }) {
			b.t.Errorf("the page complained: %s", complaint)
		}
	}
}

// forgive has complaints that contain one of the texts overlooked: those that
// the test itself brings about.
func (b *tab) forgive(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgiven = append(b.forgiven, texts...)
}

// Complaints that Chromium itself makes of requests.
const (
	serverGone   = "net::ERR_"
	unauthorized = "status of 401"
	notFound     = "status of 404"
	conflict     = "status of 409"
	unavailable  = "status of 503" // on a busy machine Redis may answer too late, and the shop tries again
)

// hear collects complaints, in the order in which they come, and counts requests
// that are held back.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *fetch.EventRequestPaused:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.held++
	case *runtime.EventExceptionThrown:
		b.complain((&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			b.complain("console: " + joined(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.complain(string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL)
		}
	}
}

func joined(args []*runtime.RemoteObject) string {
	var texts []string
	for _, arg := range args {
		texts = append(texts, arg.Description+string(arg.Value))
	}
	return strings.Join(texts, " ")
}

func (b *tab) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

func (b *tab) visit(url string) {
	b.t.Helper()
	b.do("visit "+url, chromedp.Navigate(url))
}

// do runs steps that must work.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// until looks again and again, also while the page changes to another one,
// until it sees what the test waits for.
func (b *tab) until(what string, sees func(ctx context.Context) (bool, error)) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		there, err := sees(ctx)
		if there && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("waited in vain for %s: %v", what, err)
		case <-time.After(look):
		}
	}
}

// send sends a command of Chromium's protocol that has no answer.
func send[P any](b *tab, cmd cdp.Command[P, cdp.Empty], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, cmd, params); err != nil {
		b.t.Fatalf("%s: %v", cmd.Method, err)
	}
}

func (b *tab) resize(width, height int64) {
	b.t.Helper()
	b.do("resize", chromedp.EmulateViewport(width, height))
}

// prefer sets what media queries ask for: feature, value, …. Motion is always
// reduced, so that what is pressed stands still.
func (b *tab) prefer(features ...string) {
	b.t.Helper()
	asked := []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}
	for i := 0; i < len(features); i += 2 {
		asked = append(asked, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: asked})
}
