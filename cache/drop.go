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
	maxDrops  = 4096                   // drops waiting for Redis to come back
	dropAgain = 100 * time.Millisecond // pause between attempts while it is gone
	dropTry   = 250 * time.Millisecond // longest attempt
	dropLast  = time.Second            // for the last attempts, at the end
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
	waiting map[string][]drop // by product; one that is named, with drops or without, has a worker
	drops   int               // in waiting
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
	queue, worked := d.waiting[productID]
	d.waiting[productID] = append(queue, drop{productID, orderID, takenAt, time.Now()})
	d.drops++
	if !worked {
		d.workers.Go(func() { d.work(productID) })
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

// work is a product's worker, until no drop of it waits.
func (d *dropper) work(productID string) {
	for q, more := d.take(productID); more; q, more = d.take(productID) {
		d.persist(q)
	}
}

func (d *dropper) take(productID string) (first drop, found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	queue := d.waiting[productID]
	if len(queue) == 0 {
		delete(d.waiting, productID)
		return drop{}, false
	}
	d.waiting[productID] = queue[1:]
	d.drops--
	return queue[0], true
}

// persist retries q until it succeeds or is left to the reaper; once close has
// begun it tries once.
func (d *dropper) persist(q drop) {
	for time.Since(q.at) < holdAge {
		err := d.try(d.trying, q)
		if err == nil {
			return
		}
		d.log.Warn().Err(err).Str("product", q.productID).Msg("gate: drop failed, trying again")
		if !retry.Sleep(d.pausing, dropAgain) {
			return
		}
	}
}
