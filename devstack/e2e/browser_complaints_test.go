package e2e

import (
	"context"
	"testing"
)

// The other tests rely on being told when a page is not well.
func TestBrowserTabHearsWhatAPageComplainsOf(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("all")
	b := s.browse("/docs")
	for name, script := range map[string]string{
		"console.error":      `console.error("on purpose")`,
		"uncaught exception": `setTimeout(() => { throw new Error("on purpose") })`,
		"lost rejection":     `void Promise.reject(new Error("on purpose"))`,
		"inline script":      `document.body.append(Object.assign(document.createElement("script"), { textContent: "0" }))`,
		"foreign picture":    `document.body.append(Object.assign(new Image(), { src: "https://example.invalid/" }))`,
		"failed request":     `void fetch("/nowhere")`,
	} {
		evaluate[any](b, script+", 0")
		b.until("a complaint about "+name, func(context.Context) (bool, error) { return b.forget() > 0, nil })
	}
}

// forget returns how many complaints there were.
func (b *tab) forget() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.complaints)
	b.complaints = nil
	return n
}
