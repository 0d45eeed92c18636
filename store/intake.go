package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"order-service/failpoint"
	"order-service/order"
)

// IntakeConfig bounds an Intake. Zero values take the defaults noted.
type IntakeConfig struct {
	Writers  int           // commits under way at once (2)
	MaxBatch int           // orders in one commit (256)
	MaxQueue int           // orders that wait for a writer (8192)
	Deadline time.Duration // longest wait in the queue, and longest attempt to commit (5 s)

	// Committed gets each outbox row that was written, with its orders as they
	// were accepted. It must not block. May be nil.
	Committed func(order.OutboxBatch)
	// Lease is how long such a row is kept from the sweeper, because the
	// receiver of Committed publishes it. 0 leaves it to the sweeper at once.
	Lease time.Duration

	Meter IntakeMeter // may be nil
}

func (c IntakeConfig) withDefaults() IntakeConfig {
	c.Writers = orDefault(c.Writers, 2)
	c.MaxBatch = orDefault(c.MaxBatch, 256)
	c.MaxQueue = orDefault(c.MaxQueue, 8192)
	c.Deadline = orDefault(c.Deadline, 5*time.Second)
	if c.Meter == nil {
		c.Meter = unmetered{}
	}
	return c
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Pauses between attempts at a commit of unknown outcome.
const (
	firstPause = 10 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// Intake writes accepted orders. It turns concurrent calls into few commits.
type Intake struct {
	store   *Store
	cfg     IntakeConfig
	inserts *batcher[order.Intent, order.Accepted]
	lookups *batcher[keyOwner, *order.Accepted]
}

// NewIntake starts an Intake. Its owner calls Stop before the Store's Close.
func (s *Store) NewIntake(cfg IntakeConfig) *Intake {
	cfg = cfg.withDefaults()
	i := &Intake{store: s, cfg: cfg}
	bounds := batcherConfig{Writers: cfg.Writers, MaxBatch: cfg.MaxBatch, MaxQueue: cfg.MaxQueue, Deadline: cfg.Deadline}
	one := bounds
	one.Writers = 1
	i.lookups = newBatcher(one, i.lookup)
	bounds.Waited, bounds.Ran = cfg.Meter.IntakeWaited, cfg.Meter.IntakeBatch
	i.inserts = newBatcher(bounds, i.insert)
	return i
}

// Insert stores in as a PENDING order, with an outbox entry, and returns when
// both are committed. The order's time is cut to the millisecond. When the
// intent's key or id is in the store already, the order that has it is
// returned and nothing is written.
//
// When it fails, [Unwritten] or [OutcomeUnknown] tells whether the order may
// exist: ErrWithdrawn when ctx ended before a batch took the order, ErrUnknown
// when the outcome could not be learned within the deadline. Codes:
// CodeOverloaded when the queue is full, CodeValidation when a value was
// refused, CodeUnavailable otherwise.
func (i *Intake) Insert(ctx context.Context, in order.Intent) (order.Accepted, error) {
	in.Status, in.Seq = order.Pending, 1
	in.CreatedAt = in.CreatedAt.UTC().Truncate(time.Millisecond)
	in.UpdatedAt = in.CreatedAt
	return i.inserts.do(ctx, in)
}

// Wait estimates how long an Insert that begins now would wait before a writer
// takes it. It is 0 while a writer is free.
func (i *Intake) Wait() time.Duration { return i.inserts.wait() }

// Stop refuses new calls and finishes the queued ones. When ctx ends first,
// those under way fail, and ctx's error is returned. It may be called twice.
func (i *Intake) Stop(ctx context.Context) error {
	_ = i.lookups.stop(ctx) // its error is ctx's, as is the next one
	return i.inserts.stop(ctx)
}

// insert commits one batch. A commit of unknown outcome is tried again with
// the same ids until ctx ends, because only that tells what became of it.
func (i *Intake) insert(ctx context.Context, batch []order.Intent) ([]outcome[order.Accepted], error) {
	rows := newOrderRows(batch)
	var unknown error
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		outs, err := i.commit(ctx, rows)
		switch {
		case err == nil:
			return outs, nil
		case badData(err):
			return nil, order.Wrap(err, order.CodeValidation, "The order cannot be stored.")
		case OutcomeUnknown(err):
			unknown = err
		case unknown == nil && !passing(err):
			return nil, dbError("insert orders", err)
		}
		if !sleep(ctx, pause) {
			return nil, giveUp(unknown, err)
		}
	}
}

func giveUp(unknown, last error) error {
	if unknown != nil {
		return unavailable(unknown)
	}
	return dbError("insert orders", last)
}

// sleep waits for d, or reports false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// commit makes one attempt. Its error is ErrUnknown unless the batch was
// certainly not written.
func (i *Intake) commit(ctx context.Context, rows *orderRows) ([]outcome[order.Accepted], error) {
	conn, err := i.store.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	if err := failpoint.Hit(failpoint.IntakeCommitBefore); err != nil {
		return nil, err
	}
	box, written, err := rows.insert(ctx, conn, i.cfg.Lease)
	err = failpoint.After(failpoint.IntakeCommitAfter, err)
	if refused(err) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if i.cfg.Committed != nil && len(written) > 0 {
		i.cfg.Committed(rows.accepted(box, written))
	}
	outs, err := rows.answers(ctx, conn, written)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return outs, nil
}

// keyOwner names an idempotency key: keys of different users are different.
type keyOwner struct{ userID, key string }

// Lookup finds the order that userID placed under an Idempotency-Key. Its
// errors are those of Insert; nothing is ever written.
func (i *Intake) Lookup(ctx context.Context, userID, key string) (order.Accepted, bool, error) {
	found, err := i.lookups.do(ctx, keyOwner{userID, key})
	if err != nil || found == nil {
		return order.Accepted{}, false, err
	}
	return *found, true, nil
}

func (i *Intake) lookup(ctx context.Context, batch []keyOwner) ([]outcome[*order.Accepted], error) {
	users, keys := make([]string, len(batch)), make([]string, len(batch))
	for n, k := range batch {
		users[n], keys[n] = k.userID, k.key
	}
	outs := make([]outcome[*order.Accepted], len(batch))
	rows, _ := i.store.pool.Query(ctx, `
		SELECT k.ord, o.order_id, o.request_hash
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (user_id, idempotency_key, ord)
		JOIN orders o ON o.user_id = k.user_id AND o.idempotency_key = k.idempotency_key
		WHERE o.idempotency_key IS NOT NULL`, users, keys)
	var (
		ord  int
		id   uuid.UUID
		hash []byte
	)
	_, err := pgx.ForEachRow(rows, []any{&ord, &id, &hash}, func() error {
		outs[ord-1].value = &order.Accepted{OrderID: id, Hash: hash}
		return nil
	})
	if badData(err) {
		return nil, order.Wrap(err, order.CodeValidation, "The key cannot be looked up.")
	}
	return outs, dbError("look up keys", err)
}
