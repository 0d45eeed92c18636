package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// crowd is a sale that goes on while something breaks: waves of buyers, one of
// each fate, who insist on their orders.
type crowd struct {
	shop      *shop
	productID string
	waves     int
	buyers    sync.WaitGroup
	shut      sync.Once // of closing
	closing   chan struct{}
	closed    chan struct{} // when no wave will follow
}

// crowdEvery is how long after a wave the next one comes, and crowdAtOnce how
// many may be there: a slow machine must not be given ever more to do. Where none
// can leave, one more comes after crowdPatience: who waits for orders in an outage
// shall see some.
const (
	crowdEvery    = 700 * time.Millisecond
	crowdAtOnce   = 5
	crowdPatience = 20 * time.Second
)

// openDoors lets a crowd in. Its shop has no other orders.
func (s *shop) openDoors() *crowd {
	s.t.Helper()
	c := s.newCrowd()
	c.open()
	return c
}

// newCrowd is one before closed doors.
func (s *shop) newCrowd() *crowd {
	s.t.Helper()
	s.insisting = true
	return &crowd{shop: s, productID: s.product(1_000_000), closing: make(chan struct{}), closed: make(chan struct{})}
}

// sendAhead lets one wave in before the doors open, and waits until it has left.
func (c *crowd) sendAhead() {
	c.wave(func() {})
	c.buyers.Wait()
	c.waves++
}

func (c *crowd) open() {
	go func() {
		defer close(c.closed)
		room := make(chan struct{}, crowdAtOnce)
		for !c.over() {
			gone := func() {}
			select {
			case room <- struct{}{}:
				gone = func() { <-room }
			case <-time.After(crowdPatience):
			}
			c.wave(gone)
			c.waves++
		}
	}()
}

// saleThrough has trouble come and go in the middle of a sale.
func (s *shop) saleThrough(trouble func(productID string)) {
	s.t.Helper()
	sale := s.openDoors()
	defer sale.close() // also where trouble ends the test: it would end before its subtests
	time.Sleep(2 * crowdEvery)
	trouble(sale.productID)
	time.Sleep(2 * crowdEvery)
	sale.settle()
}

// over waits for the time of the next wave, and reports whether there is none.
// The first one comes at once.
func (c *crowd) over() bool {
	if c.waves == 0 {
		return false
	}
	select {
	case <-c.closing:
		return true
	case <-time.After(crowdEvery):
		return false
	}
}

// wave lets a buyer of each fate in, and calls gone when all have left.
func (c *crowd) wave(gone func()) {
	var wave sync.WaitGroup
	for name, fate := range fates {
		name := fmt.Sprintf("wave-%d-%s", c.waves, name)
		wave.Go(func() {
			c.shop.t.Run(name, func(t *testing.T) {
				mine := *c.shop // with this buyer's t
				mine.t = t
				mine.live(c.productID, fate)
			})
		})
	}
	c.buyers.Go(func() { wave.Wait(); gone() })
}

// settle sends a last wave home, and fails the test unless every buyer got
// what is his and the books are right.
func (c *crowd) settle() {
	c.shop.t.Helper()
	c.close()
	if c.shop.t.Failed() {
		return
	}
	c.shop.expectSettled(c.waves)
	confirmed := int64(c.waves * applied)
	c.shop.expectLedger(c.productID, ledger{Available: 1_000_000 - confirmed, Confirmed: confirmed})
	c.shop.t.Logf("%d orders", c.waves*len(fates))
}

// close lets nobody in any more and waits until all have left. It may be called
// again.
func (c *crowd) close() {
	c.shut.Do(func() { close(c.closing) })
	<-c.closed
	c.buyers.Wait()
}
