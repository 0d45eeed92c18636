package bus

import (
	"cmp"
	"context"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"order-service/failpoint"
	"order-service/order"
)

// Outbox is where the batches of committed orders wait to be published.
type Outbox interface {
	// ClaimOutbox leases up to limit batches whose lease has expired: no
	// other claim returns them until lease has passed.
	ClaimOutbox(ctx context.Context, limit int, lease time.Duration) ([]order.OutboxBatch, error)
	// DeleteOutbox removes published batches.
	DeleteOutbox(ctx context.Context, ids []int64) error
}

// RelayConfig bounds a Relay. Zero values take the defaults.
type RelayConfig struct {
	// Lease is how long a batch belongs to this relay, from Offer or claim
	// on; the intake must write its rows with the same lease. Default 10 s.
	Lease time.Duration
	Queue int           // offered batches that may wait; default 256
	Slots int           // offered, and as many claimed, batches published at once; default 16
	Pause time.Duration // between sweeps that find nothing; default 1 s
}

// Relay publishes committed orders: those of its own process as they are
// offered, and by a sweeper those that any process left in the outbox.
//
// Its memory is bounded, whatever happens to Kafka: Queue batches wait, twice
// Slots are under way, and the rest stays in Postgres.
type Relay struct {
	bus     *Bus
	outbox  Outbox
	cfg     RelayConfig
	log     zerolog.Logger
	offered chan leased
	acked   chan int64 // published batches, to be deleted
	life    *lifecycle
}

// leased is a batch that is ours until its lease ends.
type leased struct {
	order.OutboxBatch
	until time.Time
}

// maxDelete bounds the ids of one DeleteOutbox, and acked batches that wait.
const maxDelete = 1000

// NewRelay returns a Relay that publishes through b. It does nothing until Run.
func NewRelay(b *Bus, o Outbox, cfg RelayConfig) *Relay {
	cfg.Lease = cmp.Or(cfg.Lease, 10*time.Second)
	cfg.Queue = cmp.Or(cfg.Queue, 256)
	cfg.Slots = cmp.Or(cfg.Slots, 16)
	cfg.Pause = cmp.Or(cfg.Pause, time.Second)
	return &Relay{
		bus: b, outbox: o, cfg: cfg,
		log:     quiet(b.cfg.Log.With().Str("part", "relay").Logger()),
		offered: make(chan leased, cfg.Queue),
		acked:   make(chan int64, maxDelete),
		life:    newLifecycle(),
	}
}

// Offer hands a batch that has just been committed to the relay. It never
// blocks: when the queue is full or the relay is stopping, the row stays in the
// outbox and a sweeper takes it once its lease has expired.
func (r *Relay) Offer(b order.OutboxBatch) {
	if r.life.taking.Err() != nil {
		return
	}
	select {
	case r.offered <- leased{b, time.Now().Add(r.cfg.Lease)}:
	default:
	}
}

// Run publishes until Stop, or until ctx ends, which gives up what is under
// way. It runs once and always returns nil.
func (r *Relay) Run(ctx context.Context) error {
	return r.life.run(ctx, func() error {
		var publishing, deleting errgroup.Group
		deleting.Go(r.deleteAcked)
		publishing.Go(r.publishOffered)
		publishing.Go(r.sweep)
		_ = publishing.Wait()
		close(r.acked)
		return deleting.Wait()
	})
}

// Stop takes no more batches, publishes those in memory and returns when Run
// has ended. When ctx ends first, the rest is left to the sweepers of other
// processes and ctx's cause is returned.
func (r *Relay) Stop(ctx context.Context) error { return r.life.stop(ctx) }

func (r *Relay) publishOffered() error {
	var publishing errgroup.Group
	publishing.SetLimit(r.cfg.Slots)
	for b, ok := r.next(); ok; b, ok = r.next() {
		publishing.Go(func() error {
			_ = r.publish(b) // logged; the row is swept
			return nil
		})
	}
	return publishing.Wait()
}

// next waits for an offered batch. After Stop it empties the queue, then
// returns false.
func (r *Relay) next() (leased, bool) {
	select {
	case b := <-r.offered:
		return b, true
	default:
	}
	select {
	case b := <-r.offered:
		return b, true
	case <-r.life.taking.Done():
		return leased{}, false
	}
}

// publish writes the events of b while b is ours. A batch that is late, or
// fails, keeps its row: when the lease has expired, a sweeper publishes it.
func (r *Relay) publish(b leased) error {
	ctx, cancel := context.WithDeadline(r.life.finishing, b.until)
	defer cancel()
	if err := failpoint.After(failpoint.RelayPublishBefore, ctx.Err()); err != nil {
		return err
	}
	begun := time.Now()
	err := failpoint.After(failpoint.RelayPublishAfter, r.bus.publishOrders(ctx, b.Orders))
	r.bus.cfg.Meter.Published(len(b.Orders), time.Since(begun), err)
	if err != nil {
		r.log.Warn().Err(err).Int64("batch", b.ID).Int("orders", len(b.Orders)).Msg("batch not published, left in the outbox")
		return err
	}
	r.acked <- b.ID // deleteAcked reads until every publisher has returned
	return nil
}

// deleteAcked removes published batches. It clocks itself: the ids that
// arrive during one delete share the next. Rows that could not be deleted are
// published again by a sweeper.
func (r *Relay) deleteAcked() error {
	for id := range r.acked {
		ids := r.gather(id)
		if err := r.delete(ids); err != nil {
			r.log.Warn().Err(err).Int("batches", len(ids)).Msg("published batches not deleted, they will be published again")
		}
	}
	return nil
}

func (r *Relay) delete(ids []int64) error {
	ctx, cancel := context.WithTimeout(r.life.finishing, 5*time.Second)
	defer cancel()
	if err := failpoint.Hit(failpoint.RelayDeleteBefore); err != nil {
		return err
	}
	return r.outbox.DeleteOutbox(ctx, ids)
}

// gather adds to first the ids that are there already.
func (r *Relay) gather(first int64) []int64 {
	ids := []int64{first}
	for len(ids) < maxDelete {
		select {
		case id, ok := <-r.acked:
			if !ok {
				return ids
			}
			ids = append(ids, id)
		default:
			return ids
		}
	}
	return ids
}
