package e2e

import (
	"testing"
	"time"
)

func TestBrowserShowsHowManyAreBefore(t *testing.T) {
	t.Parallel()
	s := newStorefront(t)
	s.start("api")
	time.Sleep(2 * time.Second) // a place is known from the second look at the line on
	product := s.product(40)
	for range 12 {
		s.anyone().buy(product, 1)
		time.Sleep(50 * time.Millisecond)
	}
	b := s.browse("/")
	b.press("button", "Buy for €12.50")
	b.sees("#order-list .badge", "before you")
	b.sees("#order-list .steps", "before you")
	s.start("worker")
	b.seesOrder("Awaiting payment")
}
