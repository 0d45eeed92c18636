package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"order-service/batch"
	"order-service/failpoint"
	"order-service/order"
	"order-service/retry"
)

// IntakeConfig says what becomes of the orders that an Intake has written.
type IntakeConfig struct {
	// Committed gets each outbox row that was written, with its orders as they
	// were accepted. It must not block. May be nil.
	Committed func(order.OutboxBatch)
	// Lease is how long such a row is kept from the sweeper, because the
	// receiver of Committed publishes it. 0 leaves it to the sweeper at once.
	Lease time.Duration
}

// Pauses between attempts at a commit of unknown outcome. They double as those of
// retry.Pause do, but buyers are waiting: the first is a tenth of its.
const (
	firstPause = 10 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// Intake writes accepted orders, many in one commit, over connections of its
// own: whatever the readers do, it does not wait for them.
type Intake struct {
	store *Store
	cfg   IntakeConfig
}

// NewIntake returns an Intake.
func (s *Store) NewIntake(cfg IntakeConfig) *Intake { return &Intake{store: s, cfg: cfg} }

// Insert stores intents as PENDING orders, with an outbox entry, and returns
// when both are committed. It sets their Status, Seq and UpdatedAt itself, and
// cuts CreatedAt to the millisecond. When an intent's key or id is in the store
// already, the order that has it is its result and nothing is written for it.
//
// Each intent has its own result. An error of which [order.ErrOutcomeUnknown]
// is a cause means that the order may exist: what became of its commit could
// not be learned before ctx ended. Any other means that it certainly does not.
// Codes: CodeValidation when a value was refused, CodeOutcomeUnknown as told,
// CodeUnavailable otherwise.
func (i *Intake) Insert(ctx context.Context, intents []order.Intent) []batch.Result[order.Accepted] {
	for n := range intents {
		in := &intents[n]
		in.Status, in.Seq = order.Pending, 1
		in.CreatedAt = in.CreatedAt.UTC().Truncate(time.Millisecond)
		in.UpdatedAt = in.CreatedAt
	}
	return apart(ctx, intents, i.insert)
}

// insert commits one batch. A commit of unknown outcome is tried again with
// the same ids until ctx ends, because only that tells what became of it.
func (i *Intake) insert(ctx context.Context, intents []order.Intent) ([]batch.Result[order.Accepted], error) {
	rows := newOrderRows(intents)
	var unknown error
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		results, err := i.commit(ctx, rows)
		switch {
		case err == nil:
			return results, nil
		case badData(err):
			return nil, order.Wrap(err, order.CodeValidation, "The order cannot be stored.")
		case outcomeUnknown(err):
			unknown = err
		case unknown == nil && !passing(err):
			return nil, dbError("insert orders", err)
		}
		if !retry.Sleep(ctx, retry.Jitter(pause)) {
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

// commit makes one attempt. Its error is ErrOutcomeUnknown unless the batch was
// certainly not written.
func (i *Intake) commit(ctx context.Context, rows *orderRows) ([]batch.Result[order.Accepted], error) {
	conn, err := i.store.intake.Acquire(ctx)
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
		return nil, unknownOutcome(err)
	}
	if i.cfg.Committed != nil && len(written) > 0 {
		i.cfg.Committed(rows.accepted(box, written))
	}
	results, err := rows.answers(ctx, conn, written)
	if err != nil {
		return nil, unknownOutcome(err)
	}
	return results, nil
}

// Lookup finds the orders that were placed under Idempotency-Keys; a nil result
// is a key that has none. An order that was restored has no key and no Hash, and
// is found by its id. Codes as for Insert; nothing is ever written. It uses the
// intake's connections: retries come when readers do.
func (i *Intake) Lookup(ctx context.Context, keys []order.KeyOwner) []batch.Result[*order.Accepted] {
	return apart(ctx, keys, i.lookup)
}

func (i *Intake) lookup(ctx context.Context, keys []order.KeyOwner) ([]batch.Result[*order.Accepted], error) {
	users, names, ids := make([]string, len(keys)), make([]string, len(keys)), make([]pgtype.UUID, len(keys))
	for n, k := range keys {
		users[n], names[n], ids[n] = k.UserID, k.Key, binaryID(k.OrderID)
	}
	results := make([]batch.Result[*order.Accepted], len(keys))
	rows, _ := i.store.intake.Query(ctx, `
		SELECT k.ord, o.order_id, NULL::bytea
		FROM unnest($1::text[], $3::uuid[]) WITH ORDINALITY AS k (user_id, order_id, ord)
		JOIN orders o ON o.order_id = k.order_id AND o.user_id = k.user_id
		WHERE o.idempotency_key IS NULL
		UNION ALL
		SELECT k.ord, o.order_id, o.request_hash
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (user_id, idempotency_key, ord)
		JOIN orders o ON o.user_id = k.user_id AND o.idempotency_key = k.idempotency_key
		WHERE o.idempotency_key IS NOT NULL`, pgx.QueryExecModeCacheDescribe, users, names, ids)
	var (
		ord  int
		id   uuid.UUID
		hash []byte
	)
	_, err := pgx.ForEachRow(rows, []any{&ord, &id, &hash}, func() error {
		if found := &results[ord-1]; found.Value == nil || found.Value.Hash == nil { // the key's own order wins
			found.Value = &order.Accepted{OrderID: id, Hash: hash}
		}
		return nil
	})
	if badData(err) {
		return nil, order.Wrap(err, order.CodeValidation, "The key cannot be looked up.")
	}
	return results, dbError("look up keys", err)
}

// apart has do answer requests together. When values are to blame for its
// error, it halves them and does each half, until the bad request fails alone.
func apart[Req, Res any](ctx context.Context, reqs []Req, do func(context.Context, []Req) ([]batch.Result[Res], error)) []batch.Result[Res] {
	results, err := do(ctx, reqs)
	switch {
	case err == nil:
		return results
	case len(reqs) > 1 && badData(err):
		half := len(reqs) / 2
		return append(apart(ctx, reqs[:half], do), apart(ctx, reqs[half:], do)...)
	}
	results = make([]batch.Result[Res], len(reqs))
	for n := range results {
		results[n].Err = err
	}
	return results
}

// intakeConfig is the pool of the intake: connections that nobody else takes,
// and one plan for its one statement, which inserts what it is given whatever
// the tables hold.
func intakeConfig(of *pgxpool.Config) *pgxpool.Config {
	return ownConfig(of, intakeConns, settings{"plan_cache_mode": "force_generic_plan"})
}
