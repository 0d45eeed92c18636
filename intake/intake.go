package intake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/batch"
	"order-service/order"
	"order-service/tracing"
)

// Gate admits orders before they are written.
type Gate interface {
	// Refusal refuses from memory what the gate knows to be sold out, with
	// CodeSoldOut, or not to be answered, with CodeUnavailable.
	Refusal(order.HoldRequest) error
	// Hold answers each request, in their order. Codes: CodeSoldOut,
	// CodePriceChanged, CodePurchaseLimit, CodePriceUnavailable, CodeSaleClosed,
	// CodeUnavailable; CodeOutcomeUnknown for a Retry of what may be in its commit.
	Hold(context.Context, []order.HoldRequest) []batch.Result[order.Held]
	// Drop gives back what was held for an order that will not be written, unless
	// it was held again after held.TakenAt. Where that is 0, it does so anyway.
	Drop(ctx context.Context, productID string, held order.Held) error
}

// Orders is where accepted orders are written.
type Orders interface {
	// Insert writes all in one commit, each with its own result. An error that
	// is order.ErrOutcomeUnknown leaves open whether the order exists.
	Insert(context.Context, []order.Intent) []batch.Result[order.Accepted]
	// Lookup finds the orders that keys stand for; a nil value is none. One without
	// a Hash has lost its key.
	Lookup(context.Context, []order.KeyOwner) []batch.Result[*order.Accepted]
}

// Meter is told how orders are accepted. It must not block.
type Meter interface {
	IntakeWaited(time.Duration)                          // by one request, for its wave
	Held(code order.Code, seen bool, took time.Duration) // the gate's answer to one request; "" is no error
	IntakeBatch(orders int, took time.Duration)          // committed, or failed
}

// unmetered stands in for a Meter that nobody gave.
type unmetered struct{}

func (unmetered) IntakeWaited(time.Duration)           {}
func (unmetered) Held(order.Code, bool, time.Duration) {}
func (unmetered) IntakeBatch(int, time.Duration)       {}

// Config bounds an Intake. Zero values take the defaults noted.
type Config struct {
	Waves    int           // waves under way at once (2)
	MaxWave  int           // orders in one wave (256)
	MaxQueue int           // requests that wait for a wave (8192)
	Deadline time.Duration // longest wait in the queue, and longest wave (5 s)
	Budget   time.Duration // a request that would wait longer is refused at once; 0: never

	Meter  Meter           // may be nil
	Tracer *tracing.Tracer // may be nil
	Log    zerolog.Logger  // of what goes wrong, at a bounded rate
}

// lookupBudget bounds how long a look-up of a key waits for its turn. It is worth
// more patience than an order, for whoever repeats a key may have one already.
const lookupBudget = time.Second

// Intake accepts orders. Its owner calls Stop before what it writes to ends.
type Intake struct {
	gate    Gate
	waves   *batch.Batcher[order.HoldRequest, placed]
	lookups *batch.Batcher[order.KeyOwner, *order.Accepted]
	log     zerolog.Logger
}

// New returns a running Intake.
func New(cfg Config, gate Gate, store Orders) *Intake {
	bounds := batch.Config{
		Servers: cmp.Or(cfg.Waves, 2), MaxBatch: cmp.Or(cfg.MaxWave, 256), MaxQueue: cmp.Or(cfg.MaxQueue, 8192),
		Deadline: cmp.Or(cfg.Deadline, 5*time.Second),
	}
	if cfg.Meter == nil {
		cfg.Meter = unmetered{}
	}
	i := &Intake{gate: gate, log: cfg.Log.Sample(&zerolog.BurstSampler{Burst: 3, Period: 30 * time.Second})}
	bounds.Budget = lookupBudget
	i.lookups = batch.New(bounds, batch.Whole(store.Lookup))
	bounds.Budget, bounds.Waited = cfg.Budget, cfg.Meter.IntakeWaited
	i.waves = batch.New(bounds, (&waves{gate: gate, store: store, meter: cfg.Meter, tracer: cfg.Tracer}).run)
	return i
}

// Stop refuses new requests and finishes the queued ones. When ctx ends first,
// those under way fail, and ctx's error is returned. It may be called twice.
func (i *Intake) Stop(ctx context.Context) error {
	_ = i.waves.Stop(ctx) // its error is ctx's, as is the next one
	return i.lookups.Stop(ctx)
}

// Refusal is CodeOverloaded or CodeUnavailable while Accept would answer so at
// once, whatever the request: who asks first need not read it.
func (i *Intake) Refusal() error { return i.waves.Refusal() }

// Accept holds stock for req and writes its order; the id it returns is that of
// an order that exists. It answers within some Deadlines; a ctx that ends sooner
// withdraws what no wave has taken, and the trace that ctx has is the order's. The
// codes are those of the gate, and CodeIdempotencyMismatch, CodeValidation for an
// amount that overflows, CodeOutcomeUnknown, CodeOverloaded and CodeUnavailable.
func (i *Intake) Accept(ctx context.Context, req order.Request) (uuid.UUID, error) {
	hold := order.HoldRequest{Request: req}
	hold.Traceparent = tracing.Traceparent(ctx)
	if err := i.gate.Refusal(hold); err != nil {
		return uuid.UUID{}, err
	}
	var err error
	if hold.OrderID, err = uuid.NewV7(); err != nil {
		return uuid.UUID{}, err
	}
	if req.Key != "" {
		hold.Hash = req.Hash()
	}
	got, err := i.waves.Do(ctx, hold)
	switch {
	case err != nil && req.Key != "" && refusal(err):
		return i.earlier(ctx, hold, err)
	case err != nil:
		return uuid.UUID{}, err
	case got.hold.Seen:
		return i.again(ctx, hold, got.hold)
	}
	return i.conclude(ctx, hold, got)
}

// refusal reports whether the gate said no, rather than that it cannot tell.
func refusal(err error) bool {
	switch order.CodeOf(err) {
	case order.CodeSoldOut, order.CodePriceChanged, order.CodePurchaseLimit, order.CodePriceUnavailable, order.CodeSaleClosed:
		return true
	}
	return false
}

// earlier answers with the order that the key already has, or with the
// gate's refusal when there is none.
func (i *Intake) earlier(ctx context.Context, hold order.HoldRequest, refused error) (uuid.UUID, error) {
	first, err := i.lookups.Do(ctx, order.KeyOwner{UserID: hold.UserID, Key: hold.Key})
	switch {
	case err != nil:
		return uuid.UUID{}, err
	case first == nil:
		return uuid.UUID{}, refused
	}
	return sameRequest(first.OrderID, first.Hash, hold.Hash)
}

// again handles a key that the gate has seen. The order that has the key decides
// which body is the key's, and not the gate: it forgets keys, and may have met a
// second body since that was refused.
//
// An order that the database had lost is restored without its key: there the gate
// says which body that was.
//
// Where no order was written, because a process died between gate and commit or
// is at it right now, the order is held and written under the id the key already
// has: both writers then mean the same row.
func (i *Intake) again(ctx context.Context, hold order.HoldRequest, seen order.Held) (uuid.UUID, error) {
	first, err := i.lookups.Do(ctx, order.KeyOwner{UserID: hold.UserID, Key: hold.Key, OrderID: seen.OrderID})
	switch {
	case err != nil:
		return uuid.UUID{}, err
	case first != nil && first.Hash == nil:
		return sameRequest(first.OrderID, seen.Hash, hold.Hash)
	case first != nil:
		return sameRequest(first.OrderID, first.Hash, hold.Hash)
	}
	if id, err := sameRequest(seen.OrderID, seen.Hash, hold.Hash); err != nil {
		return id, err
	}
	hold.OrderID, hold.Retry = seen.OrderID, true
	got, err := i.waves.Do(ctx, hold)
	switch {
	case err != nil && refusal(err): // written since the look-up, and sold out or dearer by now
		return i.earlier(ctx, hold, err)
	case order.CodeOf(err) == order.CodeOutcomeUnknown:
		return uuid.UUID{}, uncertain(hold, err)
	case err != nil:
		return uuid.UUID{}, err
	}
	return i.conclude(ctx, hold, got)
}

// sameRequest returns id when both bodies hash alike, else CodeIdempotencyMismatch.
func sameRequest(id uuid.UUID, first, now []byte) (uuid.UUID, error) {
	if !bytes.Equal(first, now) {
		return uuid.UUID{}, order.Errorf(order.CodeIdempotencyMismatch, "This Idempotency-Key was used for a different order.")
	}
	return id, nil
}

// conclude says what became of a held order. The hold is dropped at once when
// there will be no order under this id.
func (i *Intake) conclude(ctx context.Context, hold order.HoldRequest, got placed) (uuid.UUID, error) {
	switch {
	case got.lost != nil:
		return uuid.UUID{}, i.notWritten(ctx, hold, got)
	case got.stored.OrderID == hold.OrderID:
		return hold.OrderID, nil
	}
	i.drop(ctx, hold, got.hold)
	return sameRequest(got.stored.OrderID, got.stored.Hash, hold.Hash)
}

// notWritten gives the hold of a failed insert back, if that is safe, and
// returns what the client is told. The order of one of unknown outcome may exist,
// and a hold that a retry found is that of another request, which may be about to
// commit: both are left to reap. A hold of its own it gives back also under a key,
// or a database that refuses would let each key take units that nobody gets; where
// a retry has found it meanwhile, Drop leaves it alone.
func (i *Intake) notWritten(ctx context.Context, hold order.HoldRequest, got placed) error {
	err := got.lost
	if errors.Is(err, order.ErrOutcomeUnknown) {
		return uncertain(hold, err)
	}
	if hold.Key == "" || got.hold.TakenAt != 0 {
		i.drop(ctx, hold, got.hold)
	}
	if order.CodeOf(err) != order.CodeInternal {
		return err
	}
	return later(order.CodeUnavailable, err, "The order was not accepted. Please try again.")
}

// uncertain tells a client how to learn what became of its order. Without a key
// that is not to repeat it: there could be two then.
func uncertain(hold order.HoldRequest, cause error) error {
	how := "Look for it with GET /orders before you order again: a repetition could be a second order."
	if hold.Key != "" {
		how = "Repeat the request with the same Idempotency-Key, or look for it with GET /orders."
	}
	return later(order.CodeOutcomeUnknown, cause, "The order may or may not have been accepted. "+how)
}

func later(code order.Code, cause error, message string) error {
	return &order.Error{Code: code, Message: message, RetryAfter: time.Second + rand.N(time.Second), Err: cause}
}

func (i *Intake) drop(ctx context.Context, hold order.HoldRequest, held order.Held) {
	if err := i.gate.Drop(ctx, hold.ProductID, held); err != nil {
		i.log.Warn().Err(err).Stringer("order", hold.OrderID).Msg("hold not dropped; reap will")
	}
}
