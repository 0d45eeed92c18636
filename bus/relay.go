package bus

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

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
	Queue int           // orders, in offered batches, that may wait; default 32,768
	Claim int           // batches that a sweep takes from the outbox; default 16
	Pause time.Duration // between sweeps that find nothing; default 1 s
}

// Relay publishes committed orders: those of its own process as they are
// offered, and by a sweeper those that any process left in the outbox.
//
// Its memory is bounded, whatever happens to Kafka: Queue orders wait, a round
// of them and a Claim are under way, half a Queue is stuck beside them, and the
// rest stays in Postgres.
type Relay struct {
	bus     *Bus
	outbox  Outbox
	cfg     RelayConfig
	log     zerolog.Logger
	backlog *backlog
	acked   chan int64          // published batches, to be deleted
	stuck   *semaphore.Weighted // orders that rounds need not be waited for
	waiting sync.WaitGroup      // for stuck batches; Add by publishers alone
	life    *lifecycle
}

// leased is a batch that is ours until its lease ends.
type leased struct {
	order.OutboxBatch
	until time.Time
	swept bool // found in the outbox, not offered
}

// NewRelay returns a Relay that publishes through b. It does nothing until Run.
func NewRelay(b *Bus, o Outbox, cfg RelayConfig) *Relay {
	cfg.Lease = cmp.Or(cfg.Lease, 10*time.Second)
	cfg.Queue = cmp.Or(cfg.Queue, 8*fullRound)
	cfg.Claim = cmp.Or(cfg.Claim, 16)
	cfg.Pause = cmp.Or(cfg.Pause, time.Second)
	return &Relay{
		bus: b, outbox: o, cfg: cfg,
		log:     quiet(b.cfg.Log.With().Str("part", "relay").Logger()),
		backlog: newBacklog(cfg.Queue),
		acked:   make(chan int64, maxDelete),
		stuck:   semaphore.NewWeighted(int64(cfg.Queue) / 2),
		life:    newLifecycle(),
	}
}

// Offer hands a batch that has just been committed to the relay. It never
// blocks: when the queue is full or the relay is stopping, the row stays in the
// outbox and a sweeper takes it once its lease has expired.
func (r *Relay) Offer(b order.OutboxBatch) {
	if r.life.taking.Err() == nil {
		r.backlog.offer(leased{OutboxBatch: b, until: time.Now().Add(r.cfg.Lease)})
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
		r.waiting.Wait()
		close(r.acked)
		return deleting.Wait()
	})
}

// Stop takes no more batches, publishes those in memory and returns when Run
// has ended. When ctx ends first, the rest is left to the sweepers of other
// processes and ctx's cause is returned.
func (r *Relay) Stop(ctx context.Context) error { return r.life.stop(ctx) }

func (r *Relay) publishOffered() error {
	for round := r.backlog.next(r.life.taking); round != nil; round = r.backlog.next(r.life.taking) {
		r.publish(round)
	}
	return nil
}
