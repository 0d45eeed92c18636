package sale

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// fate is what a buyer does with an order that waits for the payment.
type fate int

// The fates.
const (
	pays fate = iota
	declines
	cancels
	leaves // until the payment window has passed
)

// drawFate draws one: of a hundred buyers 60 pay, 12 decline, 10 cancel and 18 leave.
func drawFate() fate {
	switch n := rand.IntN(100); {
	case n < 60:
		return pays
	case n < 72:
		return declines
	case n < 82:
		return cancels
	}
	return leaves
}

// The course of a sale.
const (
	preview = 20 * time.Second // from the start to the opening of the drop
	between = 75 * time.Second // from one wave to the next
	fade    = 10 * time.Second // in which a wave falls to about a third
	slowest = 20 * time.Second // to think about a payment
	longest = 40 * time.Second // until one who comes back is there
)

// calendar tells how many buyers come when.
type calendar struct {
	buyers float64 // who come for the opening
}

// rate is how many buyers a second arrive at t after the start: a trickle, the
// rush at the opening, and a fifth of it whenever the drop is restocked.
func (c calendar) rate(t time.Duration) float64 {
	trickle := c.buyers / 200
	since, wave := c.wave(t)
	switch {
	case wave < 0:
		return trickle
	case wave == 0:
		return trickle + c.burst(c.buyers, since)
	}
	return trickle + c.burst(c.buyers/5, since)
}

// wave returns which wave t is in, 0 being the opening, and since when; -1 is
// before the opening.
func (c calendar) wave(t time.Duration) (since time.Duration, wave int) {
	if t < preview {
		return 0, -1
	}
	t -= preview
	return t % between, int(t / between)
}

// burst is the rate of a crowd that arrives in all from now on.
func (calendar) burst(crowd float64, since time.Duration) float64 {
	return crowd / fade.Seconds() * math.Exp(-since.Seconds()/fade.Seconds())
}

// drawVisit decides what one who comes at t wants. While a wave is high most
// want the drop.
func (s *sale) drawVisit(t time.Duration) visit {
	p := s.drawProduct()
	if since, wave := s.calendar.wave(t); wave >= 0 && since < 3*fade && rand.IntN(10) < 7 {
		p = s.cfg.Drop
	}
	v := visit{
		productID: p.ID, quantity: 1, fate: drawFate(), polls: rand.IntN(4) == 0,
		thinks: time.Second + rand.N(slowest),
	}
	if p.PerUserLimit != 1 && rand.IntN(5) == 0 {
		v.quantity = 2
	}
	return v
}

// drawProduct looks at two products and takes the one that there is more of.
func (s *sale) drawProduct() Product {
	one, other := s.cfg.Products[rand.IntN(len(s.cfg.Products))], s.cfg.Products[rand.IntN(len(s.cfg.Products))]
	if one.Stock < other.Stock {
		return other
	}
	return one
}

// drawName makes a user id up.
func drawName() string {
	names := []string{
		"ada", "alan", "barbara", "dennis", "donald", "edsger", "frances", "grace", "joan", "john",
		"katherine", "ken", "leslie", "margaret", "niklaus", "radia", "shafi", "sophie", "tim", "tony",
	}
	return fmt.Sprintf("%s-%04d", names[rand.IntN(len(names))], rand.IntN(10_000))
}
