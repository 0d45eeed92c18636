package e2e

import "testing"

func TestBrowserShowsHowManyAreBefore(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("api")
	product := s.product(1000)
	for range 12 {
		s.anyone().buy(product, 1)
	}
	s.fillLine(product)
	b := s.browse("/")
	b.press("button", "Buy for €12.50")
	b.sees("#order-list .badge", "before you")
	b.sees("#order-list .steps", "before you")
	s.start("worker")
	b.seesOrder("Awaiting payment")
}
