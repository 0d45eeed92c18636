package bus

import (
	"context"
	"slices"
	"sync"
	"time"
)

// fullRound is how many orders make a round that need not grow any more. It
// bounds one, too, unless a single batch is larger.
const fullRound = 4096

// gather is how far apart the beginnings of two rounds are at least. In a sale
// an order waits for half of it, on average, and then for its saga.
const gather = 25 * time.Millisecond

// backlog keeps the batches that were offered, and says which of them are
// published together, and when.
//
// What a round costs, here and in a broker, is by the request and by the batch
// of a partition, each with its own write and its own replication, far more
// than by the record. A round has a batch for each slot of its orders (see
// partitioner) in two topics, so they had better be many, but only where there
// are many:
//
//   - One round is under way at a time. What is offered meanwhile waits for the
//     next, so a slow broker gets larger rounds and not more of them, apart from
//     what is stuck.
//   - Rounds begin a gather apart, so a fast broker does not make small ones.
//   - A full round does not wait for that.
//   - Neither does what is offered in quiet times: the last round is long gone.
//
// The backlog is bounded by the orders in it, for they are what takes memory;
// a batch has one or some hundreds.
type backlog struct {
	limit   int           // orders that may wait
	offered chan struct{} // holds one: there is more than before

	mu      sync.Mutex
	waiting []leased  // oldest first
	orders  int       // in waiting
	begun   time.Time // the last round
}

func newBacklog(limit int) *backlog {
	return &backlog{limit: limit, offered: make(chan struct{}, 1)}
}

// offer adds b, or does nothing where there is no room for it.
func (l *backlog) offer(b leased) {
	l.mu.Lock()
	fits := l.orders+len(b.Orders) <= l.limit
	if fits {
		l.waiting = append(l.waiting, b)
		l.orders += len(b.Orders)
	}
	l.mu.Unlock()
	if fits {
		select {
		case l.offered <- struct{}{}:
		default:
		}
	}
}

// next waits for the next round. Once taking has ended it does not wait any
// more, and returns nil when nothing is left. One goroutine may call it, when
// its last round is over.
func (l *backlog) next(taking context.Context) []leased {
	for {
		stopping := taking.Err() != nil
		round, early := l.take(stopping)
		if round != nil || stopping {
			return round
		}
		var due <-chan time.Time // never, where nothing waits
		if early > 0 {
			due = time.After(early)
		}
		select {
		case <-l.offered:
		case <-due:
		case <-taking.Done():
		}
	}
}

// take begins a round if there is something to publish and it is time, or if
// it is now or never. Otherwise it returns how much too early it is.
func (l *backlog) take(now bool) (round []leased, early time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil, 0
	}
	if early = time.Until(l.begun.Add(gather)); early > 0 && l.orders < fullRound && !now {
		return nil, early
	}
	n, orders := l.first()
	round = slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	l.orders -= orders
	l.begun = time.Now()
	return round, 0
}

// first returns how many of the oldest batches make a round, and how many
// orders they have.
func (l *backlog) first() (batches, orders int) {
	for _, b := range l.waiting {
		if batches > 0 && orders+len(b.Orders) > fullRound {
			break
		}
		batches, orders = batches+1, orders+len(b.Orders)
	}
	return batches, orders
}
