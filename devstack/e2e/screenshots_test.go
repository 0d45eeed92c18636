package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"order-service/devstack/sale"
	"order-service/order"
)

const (
	speed  = 2                              // of the sale, so that its waves come every 38 seconds
	lively = 5*time.Minute + 45*time.Second // before the pictures: the board's five minutes are full of waves, the next one is near
)

// TestScreenshots writes the pictures of the documentation into the folder
// SCREENSHOTS, from a real service in the middle of a sale. make screenshots
// runs it.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		t.Skip("SCREENSHOTS names no folder to write pictures to")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	quick, err := build(t.TempDir(), "-race=false")
	if err != nil {
		t.Fatal(err)
	}
	s := newStorefront(t, "PAYMENT_TIMEOUT", "3m")
	s.startAt(freeAddr(t), quick, "all", nil)
	board := s.operate() // the service gathers figures while somebody watches
	s.playSale()
	s.history("ada")
	time.Sleep(lively)
	id := s.unpaid("ada")
	board.seesRush()
	board.portraits(folder, "board", 960, 1096, "body")
	s.portray(folder, id)
}

// playSale plays a sale like that of make demo until the test ends.
func (s *shop) playSale() {
	ctx, stop := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if _, err := sale.Run(ctx, s.demo()); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() { stop(); running.Wait() })
	s.buyer("root", admin).call("PUT", "/admin/products/vinyl", map[string]any{
		"name": "First pressing, signed", "unitPrice": 3_900, "currency": "EUR", "stock": 500, "startsAt": time.Now().Add(2 * time.Hour),
	}).expect(200)
}

func (s *shop) demo() sale.Config {
	return sale.Config{
		URL: s.url, Secret: s.env["JWT_SECRET"], Buyers: 200, Speed: speed, Out: s.t.Output(),
		Products: []sale.Product{
			{ID: "sneaker", Name: "Aurora sneaker", UnitPrice: 18_900, Currency: "EUR", Stock: 200, PerUserLimit: 2},
			{ID: "console", Name: "Orbit game console", UnitPrice: 49_900, Currency: "EUR", Stock: 25, PerUserLimit: 1},
			{ID: "ticket", Name: "Front row ticket", UnitPrice: 12_000, Currency: "EUR", Stock: 3},
			{ID: "poster", Name: "Tour poster", UnitPrice: 1_500, Currency: "EUR", Stock: 10_000},
		},
		Drop: sale.Product{ID: "jacket", Name: "Comet jacket", UnitPrice: 24_900, Currency: "EUR", Stock: 66, PerUserLimit: 1},
	}
}

// history gives a buyer one order of each end.
func (s *shop) history(name string) {
	b := s.buyer(name, user)
	s.paid(b.await(b.buy("poster", 2), order.PaymentPending)).expect(200)
	s.declined(b.await(b.buy("console", 1), order.PaymentPending)).expect(200)
	id := b.buy("sneaker", 1)
	b.await(id, order.PaymentPending)
	b.cancel(id).expect(200)
}

// unpaid gives a buyer an order that waits for its payment.
func (s *shop) unpaid(name string) uuid.UUID {
	b := s.buyer(name, user)
	id := b.buy("sneaker", 2)
	b.await(id, order.PaymentPending)
	return id
}

// seesRush waits until the board shows that many buy, many come too late, and
// nothing is amiss.
func (b *tab) seesRush() {
	b.t.Helper()
	const busy = `!document.querySelector(".fault") && document.body.dataset.state === "ok" &&
		["orders-rate", "refused-rate"].every((id) => parseFloat(document.getElementById(id).textContent) >= 1.5)`
	b.until("a rush", func(ctx context.Context) (bool, error) { return chromedp.Run(ctx, chromedp.Evaluate[bool](busy)) })
}

// portray takes the pictures of what a buyer sees.
func (s *shop) portray(folder string, id uuid.UUID) {
	b := s.browse("/")
	b.become("ada")
	b.portraits(folder, "shop", 1170, 1170, "#orders")
	b.visit(s.buyer("ada", user).get(id).PaymentURL)
	b.sees("h1", "To pay")
	b.portraits(folder, "sandbox", 800, 1024, "body")
}

// become makes the shop's guest a buyer with a name.
func (b *tab) become(name string) {
	b.t.Helper()
	b.buyer()
	evaluate[bool](b, fmt.Sprintf("localStorage.setItem('shop.buyer', %q) === undefined", name))
	b.do("reload", chromedp.Reload())
	b.sees("#buyer", "You are "+name)
	b.seesOrder("Awaiting payment")
}

// portraits writes a picture for each width and colour scheme. A desktop and a
// tablet are as high as given, a phone shows what the selector finds.
func (b *tab) portraits(folder, name string, desktop, tablet int64, selector string) {
	b.t.Helper()
	for _, size := range []struct {
		width, height int64
		shows         string
	}{{1280, desktop, "body"}, {768, tablet, "body"}, {360, 780, selector}} {
		for _, scheme := range []string{"light", "dark"} {
			b.prefer("prefers-color-scheme", scheme)
			b.resize(size.width, size.height)
			evaluate[any](b, fmt.Sprintf("document.querySelector(%q).scrollIntoView(), 0", size.shows))
			file := filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", name, size.width, scheme))
			if err := os.WriteFile(file, b.picture(), 0o644); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// picture is a PNG of what can be seen.
func (b *tab) picture() []byte {
	b.t.Helper()
	settled := "new Promise((done) => setTimeout(() => requestAnimationFrame(() => done(true)), 1500))" // the board paints once a second
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](settled, chromedp.EvalAwaitPromise)); err != nil {
		b.t.Fatal(err)
	}
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
	if err != nil {
		b.t.Fatal(err)
	}
	return shot.Data
}
