package cache

import (
	"context"
	"errors"
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

// dropNow is one attempt of the background worker.
func (g *Gate) dropNow(ctx context.Context, d drop) error {
	ctx, cancel := context.WithTimeout(ctx, dropTry)
	defer cancel()
	free, err := g.runOne(ctx, g.dropCall(d.productID, d.orderID, d.takenAt))
	if err == nil {
		g.soldOut.correct(d.productID, free)
	}
	return err
}

// dropper retries drops in the background, one after the other, until Redis
// answers or the reaper must have seen them.
type dropper struct {
	try   func(context.Context, drop) error
	log   zerolog.Logger
	queue chan drop
	stop  context.CancelFunc
	done  chan struct{}
}

func newDropper(try func(context.Context, drop) error, log zerolog.Logger) *dropper {
	ctx, cancel := context.WithCancel(context.Background())
	d := &dropper{
		try: try, log: quiet(log), queue: make(chan drop, maxDrops),
		stop: cancel, done: make(chan struct{}),
	}
	go d.run(ctx)
	return d
}

// add queues a drop and reports whether there was room. It never blocks.
func (d *dropper) add(productID string, orderID uuid.UUID, takenAt int64) bool {
	select {
	case d.queue <- drop{productID, orderID, takenAt, time.Now()}:
		return true
	default:
		return false
	}
}

// close tries what is queued once more, for a second at most, and waits for
// the worker.
func (d *dropper) close() {
	d.stop()
	<-d.done
}

func (d *dropper) run(ctx context.Context) {
	defer close(d.done)
	for {
		select {
		case q := <-d.queue:
			d.persist(ctx, q)
		case <-ctx.Done():
			d.drain()
			return
		}
	}
}

// persist retries q until it succeeds, is left to the reaper or ctx ends.
func (d *dropper) persist(ctx context.Context, q drop) {
	for time.Since(q.at) < holdAge {
		err := d.try(context.WithoutCancel(ctx), q)
		if err == nil {
			return
		}
		d.log.Warn().Err(err).Str("product", q.productID).Msg("gate: drop failed, trying again")
		if !retry.Sleep(ctx, dropAgain) {
			return
		}
	}
}

// drain gives every queued drop one attempt while the second lasts.
func (d *dropper) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case q := <-d.queue:
			_ = d.try(ctx, q) // the reaper is next
		default:
			return
		}
	}
}
