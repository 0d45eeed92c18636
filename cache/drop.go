package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
	"order-service/retry"
)

const (
	maxDrops    = 4096                   // drops waiting for Redis to come back
	maxDroppers = 64                     // attempts at a time, each for another product
	dropAgain   = 100 * time.Millisecond // pause between attempts while it is gone
	dropTry     = 250 * time.Millisecond // longest attempt
	dropLast    = time.Second            // for the last attempts, at the end
)

// errTooManyDrops says that the units of a drop return only with the reaper.
var errTooManyDrops = errors.New("gate: too many drops wait for Redis")

// drop is one hold to give back, queued since at.
type drop struct {
	productID string
	orderID   uuid.UUID
	takenAt   int64
	at        time.Time
}

// Drop gives back the units held for an order that was not written, unless
// another request with its key has held them again since held.TakenAt (0: also
// then); without such a hold it changes nothing. It runs although ctx is done,
// because a request that ended is the usual reason for it. When Redis does not
// answer it is retried in the background; the error means that not even that is
// possible and the units return when the hold is reaped.
func (g *Gate) Drop(ctx context.Context, productID string, held order.Held) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.timeout)
	defer cancel()
	free, err := g.caller.Do(ctx, g.dropCall(productID, held.OrderID, held.TakenAt))
	if err == nil {
		g.soldOut.correct(productID, free)
		return nil
	}
	if !g.drops.add(productID, held.OrderID, held.TakenAt) {
		return unavailable(errTooManyDrops)
	}
	return nil
}

// dropCall drops a hold taken at takenAt, 0: whenever that was.
func (g *Gate) dropCall(productID string, id uuid.UUID, takenAt int64) *call {
	return g.call(g.scripts.drop, productID, id.String(), takenAt)
}

// dropNow is one attempt of a background worker.
func (g *Gate) dropNow(ctx context.Context, d drop) error {
	ctx, cancel := context.WithTimeout(ctx, dropTry)
	defer cancel()
	free, err := g.runOne(ctx, g.dropCall(d.productID, d.orderID, d.takenAt))
	if err == nil {
		g.soldOut.correct(d.productID, free)
	}
	return err
}

// dropper retries drops in the background until Redis answers or the reaper must
// have seen them: one product's one after the other, but each product's by
// themselves. In a Cluster the master of one may be away and that of another not.
// After an attempt a product goes to the end of the line, so that those who are
// away never keep all workers: also behind 4,096 of them it is the turn of any
// other within 64 attempts and pauses, 23 s, and mostly at once.
type dropper struct {
	try     func(context.Context, drop) error
	log     zerolog.Logger
	pausing context.Context // done when close begins
	stop    context.CancelFunc
	trying  context.Context // done when close waits no longer
	giveUp  context.CancelFunc
	workers sync.WaitGroup // Add under mu and only while !closed

	mu      sync.Mutex
	closed  bool
	waiting map[string][]drop // by product, none of them empty; its first is at work where it is not in line
	line    []string          // products whose turn is to come
	drops   int               // in waiting
	working int               // workers
}

func newDropper(try func(context.Context, drop) error, log zerolog.Logger) *dropper {
	d := &dropper{try: try, log: quiet(log), waiting: map[string][]drop{}}
	d.pausing, d.stop = context.WithCancel(context.Background())
	d.trying, d.giveUp = context.WithCancel(context.Background())
	return d
}

// add queues a drop and reports whether there was room. It never blocks.
func (d *dropper) add(productID string, orderID uuid.UUID, takenAt int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.drops >= maxDrops {
		return false
	}
	queue, known := d.waiting[productID]
	d.waiting[productID] = append(queue, drop{productID, orderID, takenAt, time.Now()})
	d.drops++
	if known {
		return true
	}
	d.line = append(d.line, productID)
	if d.working < maxDroppers {
		d.working++
		d.workers.Go(d.work)
	}
	return true
}

// close tries what is queued once more, for a second at most, and waits for
// the workers.
func (d *dropper) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.stop()
	late := time.AfterFunc(dropLast, d.giveUp)
	d.workers.Wait()
	late.Stop()
	d.giveUp()
}

// work is one worker, until no product is in line.
func (d *dropper) work() {
	for q, more := d.next(); more; q, more = d.next() {
		d.finish(q, d.attempt(q))
	}
}

// next is the first drop of the product whose turn it is.
func (d *dropper) next() (first drop, found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.line) == 0 {
		d.working--
		return drop{}, false
	}
	productID := d.line[0]
	d.line = d.line[1:]
	return d.waiting[productID][0], true
}

// finish forgets q where it is done with, and puts its product in line if drops
// of it wait.
func (d *dropper) finish(q drop, done bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if done {
		d.drops--
		d.waiting[q.productID] = d.waiting[q.productID][1:]
	}
	if len(d.waiting[q.productID]) == 0 {
		delete(d.waiting, q.productID)
		return
	}
	d.line = append(d.line, q.productID)
}

// attempt tries q and reports whether it is done with: it succeeded, is left to
// the reaper, or close has begun, after which each is tried once.
func (d *dropper) attempt(q drop) (done bool) {
	if time.Since(q.at) >= holdAge {
		return true
	}
	err := d.try(d.trying, q)
	if err == nil {
		return true
	}
	d.log.Warn().Err(err).Str("product", q.productID).Msg("gate: drop failed, trying again")
	return !retry.Sleep(d.pausing, dropAgain)
}
