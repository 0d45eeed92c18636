package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"order-service/order"
)

// ErrWithdrawn says that a call left the queue before a batch took it: it
// certainly did nothing.
var ErrWithdrawn = errors.New("batch: withdrawn before it was begun")

// Config bounds a Batcher. All but the functions, Budget and Gather are required.
type Config struct {
	Servers  int           // batches under way at once
	MaxBatch int           // calls in one batch
	MaxQueue int           // calls that wait
	Deadline time.Duration // longest stay in the queue, and longest run of a batch
	Budget   time.Duration // a call that would wait longer for its turn is refused at once; 0: never
	Gather   time.Duration // a batch waits so long for more calls, while they come often; 0: it does not

	Waited func(time.Duration)                 // by one call, for a server; may be nil
	Ran    func(calls int, took time.Duration) // one batch, well or not; may be nil
}

// Flush does the work of one batch. It must Answer every call once, and not
// touch a call afterwards. Its ctx is no caller's: it ends at the Deadline, or
// when Stop loses patience. It reports whether it got to what batches are cut off
// at by the Deadline: only then its end proves that this works.
type Flush[Req, Res any] func(ctx context.Context, calls []*Call[Req, Res]) (proved bool)

// Batcher groups concurrent calls into batches.
type Batcher[Req, Res any] struct {
	cfg     Config
	flush   Flush[Req, Res]
	pool    sync.Pool     // of calls
	wake    chan struct{} // one token for each server that is to begin
	servers sync.WaitGroup

	mu     sync.Mutex
	queue  []*Call[Req, Res] // oldest first
	closed bool
	busy   int  // servers that work or have been woken
	waking bool // one of them has been woken, or gathers, and has taken nothing yet
	pace   pace

	watch    *time.Timer // runs look
	watching bool        // it is set

	ctx     context.Context // of every batch
	abandon context.CancelFunc
}

// New starts the servers. The owner calls Stop.
func New[Req, Res any](cfg Config, flush Flush[Req, Res]) *Batcher[Req, Res] {
	b := &Batcher[Req, Res]{cfg: cfg, flush: flush, wake: make(chan struct{}, cfg.Servers), pace: newPace(cfg)}
	b.pool.New = func() any { return &Call[Req, Res]{done: make(chan struct{}, 1)} }
	b.ctx, b.abandon = context.WithCancel(context.Background())
	b.watch = time.AfterFunc(cfg.Deadline, b.look)
	b.watch.Stop()
	for server := range cfg.Servers {
		b.servers.Go(func() { b.serve(server) })
	}
	return b
}

// Do waits for req's answer. When ctx ends first it withdraws req if no server
// has taken it, with ErrWithdrawn; otherwise it waits on. Codes, each with
// ErrWithdrawn: CodeOverloaded when the queue is full or the wait would pass
// the Budget, CodeUnavailable after Stop and after a Deadline in the queue.
func (b *Batcher[Req, Res]) Do(ctx context.Context, req Req) (Res, error) {
	c := b.pool.Get().(*Call[Req, Res])
	c.Req, c.since = req, time.Now()
	if err := b.enqueue(ctx, c); err != nil {
		return *new(Res), err
	}
	if !c.wait(ctx) {
		return *new(Res), fmt.Errorf("%w: %w", ErrWithdrawn, context.Cause(ctx))
	}
	res, err := c.res, c.err
	c.reset()
	b.pool.Put(c)
	return res, err
}

// Refusal is the error that Do would answer with at once, nil where it would
// queue the call. To ask before there is a request to queue saves making one.
func (b *Batcher[Req, Res]) Refusal() error {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal(now)
}

// refusal needs the lock.
func (b *Batcher[Req, Res]) refusal(now time.Time) error {
	switch {
	case b.closed:
		return order.Wrap(ErrWithdrawn, order.CodeUnavailable, "The service is shutting down.")
	case len(b.queue) >= b.cfg.MaxQueue, b.pace.late(len(b.queue), now):
		return overloaded()
	}
	return nil
}

func (b *Batcher[Req, Res]) enqueue(ctx context.Context, c *Call[Req, Res]) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrWithdrawn, context.Cause(ctx))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refusal(c.since); err != nil {
		return err
	}
	b.queue = append(b.queue, c)
	b.pace.came(c.since)
	if b.busy == 0 || b.rests() && (b.worth() || b.pace.slow(c.since)) {
		b.begin()
	}
	b.watchOver(c.since)
	return nil
}

func overloaded() error {
	return &order.Error{
		Code: order.CodeOverloaded, Message: "Too many requests are waiting. Please try again in a moment.",
		RetryAfter: time.Second, Err: ErrWithdrawn,
	}
}

// Stop refuses new calls, runs those that are queued and returns when the
// servers have ended. What waits behind a batch that hangs does not wait for its
// Deadline: the servers that rest begin. When ctx ends first it abandons the
// batches under way, whose callers are answered with errors, and returns ctx's
// error. It may be called again.
func (b *Batcher[Req, Res]) Stop(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		b.watch.Stop()
		for len(b.queue) > 0 && b.busy < b.cfg.Servers {
			b.begin()
		}
		close(b.wake)
	}
	b.mu.Unlock()
	defer context.AfterFunc(ctx, b.abandon)()
	b.servers.Wait()
	b.abandon()
	return ctx.Err()
}
