package cache

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
)

const (
	syncEvery    = time.Second
	reapRounds   = 5                // a reap every so many syncs
	refreshEvery = 30 * time.Second // between full publications of a limited product that changes
)

// Ledger is where the gate's copy comes from.
type Ledger interface {
	// Products returns every product with its ledger.
	Products(ctx context.Context) ([]order.Product, error)
	// GateSnapshot yields, from one snapshot, the product, then its users' units
	// where there is a limit, then, where they are wanted, the holds of its
	// PENDING orders.
	GateSnapshot(ctx context.Context, productID string, holds bool, yield func(order.GateChunk) error) error
	// HoldFates says what became of orders. Orders without a row may be missing
	// or come without a Stock.ProductID.
	HoldFates(ctx context.Context, ids []uuid.UUID) ([]order.HoldFate, error)
}

// Sync keeps the gate equal to the ledger. One replica Runs it at a time; any
// may call Now.
type Sync struct {
	gate    *Gate
	ledger  Ledger
	log     zerolog.Logger
	age     time.Duration // of a hold to be reaped
	refresh time.Duration
	full    map[string]publication // last full ones; belongs to Run's goroutine
}

// publication is one full publication of a limited product.
type publication struct {
	version int64
	at      time.Time
}

// NewSync returns a Sync of g with l.
func NewSync(g *Gate, l Ledger, log zerolog.Logger) *Sync {
	return &Sync{
		gate: g, ledger: l, log: quiet(log),
		age: holdAge, refresh: refreshEvery, full: map[string]publication{},
	}
}

// Run publishes the products every second and reaps old holds every few
// seconds until ctx ends, then returns nil. Failures are logged and passed
// over: the next round repeats everything.
func (s *Sync) Run(ctx context.Context) error {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		if err := s.round(ctx, round%reapRounds == 0); err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Msg("gate: sync failed")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Now publishes p, as its caller wrote or read it, at once. A gate that has a
// newer one keeps that.
func (s *Sync) Now(ctx context.Context, p order.Product) error {
	_, _, err := s.publish(ctx, []order.Product{p})
	return err
}

func (s *Sync) round(ctx context.Context, reap bool) error {
	products, err := s.ledger.Products(ctx)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	published, rebuilt, failed := s.publish(ctx, products)
	for _, p := range rebuilt {
		s.full[p.ID] = publication{p.Version, time.Now()}
	}
	failed = cmp.Or(failed, s.refreshUsers(ctx, published))
	if reap {
		failed = cmp.Or(failed, s.reap(ctx, products))
	}
	return failed
}

// publish runs sync.lua for products and returns those for which that went well,
// and of these those that needed a rebuild and have had it. A failing product does
// not keep the others waiting; the first error stands for all.
func (s *Sync) publish(ctx context.Context, products []order.Product) (published, rebuilt []order.Product, failed error) {
	calls := make([]*call, len(products))
	for i, p := range products {
		calls[i] = s.gate.syncCall(p, "")
	}
	s.gate.runAll(ctx, calls)
	for i, c := range calls {
		err := c.err
		if err == nil && c.reply != "published" {
			if err = s.rebuild(ctx, products[i].ID); err == nil {
				rebuilt = append(rebuilt, products[i])
			}
		}
		if err == nil {
			published = append(published, products[i])
		} else {
			failed = cmp.Or(failed, fmt.Errorf("sync %s: %w", products[i].ID, err))
		}
		s.gate.soldOut.forget(products[i].ID)
	}
	return published, rebuilt, failed
}

// refreshUsers publishes limited products in full when they changed since it last
// did: a lost settle of a release leaves a buyer's units too high, with no hold to
// reap, and nothing else would ever find it. It is given those alone that have just
// been published: of another it would only wait for a second failure.
func (s *Sync) refreshUsers(ctx context.Context, products []order.Product) (failed error) {
	for _, p := range products {
		last, known := s.full[p.ID]
		if p.PerUserLimit == 0 || known && (last.version >= p.Version || time.Since(last.at) < s.refresh) {
			continue
		}
		if err := s.rebuild(ctx, p.ID); err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		s.full[p.ID] = publication{p.Version, time.Now()}
	}
	return failed
}

func (g *Gate) syncCall(p order.Product, token string) *call {
	return g.call(g.scripts.sync, p.ID, p.Version, p.UnitPrice, p.Currency, p.Ledger.Available,
		milliseconds(p.StartsAt), milliseconds(p.EndsAt), p.PerUserLimit, token)
}

// runAll runs calls for upkeep, a batch at a time.
func (g *Gate) runAll(ctx context.Context, calls []*call) {
	for len(calls) > 0 {
		n := min(len(calls), maxBatch)
		run(ctx, g.patient, calls[:n])
		calls = calls[n:]
	}
}

// milliseconds is t in Unix time, 0 for none. 1970 itself, as which the store reads
// whatever was before it, is no 0: a sale that ended then would never end.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(1, t.UnixMilli())
}

// quiet limits what an outage writes to the log.
func quiet(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: 3, Period: 30 * time.Second})
}
