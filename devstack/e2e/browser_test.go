package e2e

import (
	"context"
	"errors"
	"os/exec"
	"sync"

	"github.com/chromedp/chromedp"
)

// browser is the one Chromium of all browser tests, started for the first one.
type browser struct {
	once sync.Once
	ctx  context.Context
	end  context.CancelFunc
	err  error
}

// open returns the context that tabs are children of.
func (b *browser) open() (context.Context, error) {
	b.once.Do(b.launch)
	return b.ctx, b.err
}

func (b *browser) close() {
	b.once.Do(func() {}) // nobody opened it
	if b.end != nil {
		b.end()
	}
}

func (b *browser) launch() {
	path, err := browserPath()
	if err != nil {
		b.err = err
		return
	}
	// As root Chromium has no sandbox; chromedp then says --no-sandbox by itself.
	allocated, end := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.WSURLReadTimeout(patience),
		chromedp.Env("LANGUAGE=en_US", "LC_ALL=en_US.UTF-8"), // the pages write money as the browser's language does
	)...)
	b.end = end
	b.ctx, _ = chromedp.NewContext(allocated) // ends with its parent
	b.err = chromedp.Do(b.ctx)
}

func browserPath() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium, chromium-browser or google-chrome in PATH: install one (Debian: apt-get install chromium)")
}
