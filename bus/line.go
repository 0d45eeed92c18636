package bus

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

const (
	lineEvery  = time.Second
	lineTime   = 20 * time.Minute // longer than anybody waits in it
	lineMax    = int(lineTime / lineEvery)
	lineWindow = 10 // samples over which its speed is measured
)

// Line tells how far an accepted order is from having its saga started. It
// remembers how much the topic of reservations held in each second, so that the
// time of an order tells its place: what was produced up to then and has not
// been consumed is before it. A place is known for orders that were accepted
// after the Line was begun, and a second after that.
type Line struct {
	bus *Bus
	log zerolog.Logger

	mu      sync.Mutex
	samples []lineSample // oldest first, lineMax at most
}

// lineSample is how many reservations had been produced and consumed at a time.
type lineSample struct {
	at                 time.Time
	produced, consumed int64
}

// NewLine returns a Line that knows nothing before Run.
func NewLine(b *Bus) *Line {
	return &Line{bus: b, log: quiet(b.cfg.Log.With().Str("part", "line").Logger())}
}

// Run looks at the line every second until ctx ends. Kafka may come and go.
func (l *Line) Run(ctx context.Context) error {
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		l.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (l *Line) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lineEvery)
	defer cancel()
	at := time.Now() // before the answer, or what is produced meanwhile would count as earlier
	produced, consumed, err := l.bus.reservations(ctx)
	if err != nil {
		l.log.Debug().Err(err).Msg("the line cannot be seen")
		return
	}
	l.add(lineSample{at, produced, consumed})
}

// add keeps consumed from going back, which a group that begins anew would have
// it do: nobody is sent back in the line. Where produced goes back the topic is
// another one, and what was seen of the first says nothing about it.
func (l *Line) add(s lineSample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.samples); n > 0 {
		if s.produced < l.samples[n-1].produced {
			l.samples = l.samples[:0]
		} else {
			s.consumed = max(s.consumed, l.samples[n-1].consumed)
		}
	}
	if len(l.samples) == lineMax {
		copy(l.samples, l.samples[1:])
		l.samples = l.samples[:lineMax-1]
	}
	l.samples = append(l.samples, s)
}

// Position returns how many orders are before one that was accepted at this
// time, and how long that takes at the present speed; 0 when nothing moves. It
// never grows for the same time. It is not known for a time before Run, nor in
// the last second.
func (l *Line) Position(accepted time.Time) (place order.Position, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	produced, known := l.producedAt(accepted)
	if !known {
		return order.Position{}, false
	}
	return l.place(produced), true
}

// Length is the Position of an order that would be accepted now.
func (l *Line) Length() (place order.Position, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.samples) == 0 {
		return order.Position{}, false
	}
	return l.place(l.samples[len(l.samples)-1].produced), true
}

// place is that of an order before which so many were produced. The caller
// holds mu.
func (l *Line) place(produced int64) order.Position {
	ahead := max(0, produced-l.samples[len(l.samples)-1].consumed)
	return order.Position{Ahead: ahead, Wait: l.wait(ahead)}
}

// producedAt interpolates between the two samples around t. The caller holds mu.
func (l *Line) producedAt(t time.Time) (produced int64, known bool) {
	n := len(l.samples)
	if n == 0 || t.Before(l.samples[0].at) || t.After(l.samples[n-1].at) {
		return 0, false
	}
	i := n - 1
	for i > 0 && t.Before(l.samples[i].at) {
		i--
	}
	before := l.samples[i]
	if i == n-1 {
		return before.produced, true
	}
	after := l.samples[i+1]
	share := float64(t.Sub(before.at)) / float64(after.at.Sub(before.at))
	return before.produced + int64(share*float64(after.produced-before.produced)), true
}

// wait is how long so many orders take at the speed of the last seconds. The
// caller holds mu.
func (l *Line) wait(orders int64) time.Duration {
	n := len(l.samples)
	first, last := l.samples[max(0, n-1-lineWindow)], l.samples[n-1]
	moved := last.consumed - first.consumed
	if moved <= 0 {
		return 0
	}
	return time.Duration(float64(orders) / float64(moved) * float64(last.at.Sub(first.at)))
}
