package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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

// rests reports whether there is a server to wake.
func (b *Batcher[Req, Res]) rests() bool { return b.busy < b.cfg.Servers && !b.waking }

// begin wakes one.
func (b *Batcher[Req, Res]) begin() {
	b.busy++
	b.waking = true
	b.wake <- struct{}{}
}

// watchOver has what waits be looked at when a batch under way becomes slow, if a
// server rests: where nobody comes any more, nobody else would wake it. It is set
// once for all that wait, and while batches are as fast as usual it only finds
// that they are.
func (b *Batcher[Req, Res]) watchOver(now time.Time) {
	if !b.watching && !b.closed && len(b.queue) > 0 && b.rests() {
		b.watching = true
		b.watch.Reset(b.pace.untilSlow(now))
	}
}

// look wakes a server if what waits should not wait for one that is slow.
func (b *Batcher[Req, Res]) look() {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watching = false
	if !b.closed && len(b.queue) > 0 && b.rests() && b.pace.slow(now) {
		b.begin()
	}
	b.watchOver(now)
}

func overloaded() error {
	return &order.Error{
		Code: order.CodeOverloaded, Message: "Too many requests are waiting. Please try again in a moment.",
		RetryAfter: time.Second, Err: ErrWithdrawn,
	}
}

// worth reports whether a further server should begin.
func (b *Batcher[Req, Res]) worth() bool { return len(b.queue) >= b.pace.last }

// serve is one server.
func (b *Batcher[Req, Res]) serve(server int) {
	for range b.wake {
		for first := true; b.round(server, first); first = false {
		}
	}
}

// round runs one batch and reports whether there was one worth running.
func (b *Batcher[Req, Res]) round(server int, first bool) bool {
	// Callers that are about to ask get to run, and join this batch.
	runtime.Gosched()
	runtime.Gosched()
	gathered, rest := b.gather(first)
	if rest {
		return false
	}
	calls, begun, most, patience := b.take(server, first || gathered)
	if calls == nil {
		return false
	}
	proved := false
	if calls = b.claim(calls, begun, most, patience); len(calls) > 0 {
		ctx, cancel := context.WithTimeout(b.ctx, b.cfg.Deadline)
		proved = b.flush(ctx, calls)
		cancel()
	}
	b.finish(server, len(calls), time.Since(begun), proved)
	return true
}

// gather waits for more calls where that is worth it. It returns whether it did,
// and whether the server may rest, because another one is about to take them.
func (b *Batcher[Req, Res]) gather(first bool) (did, rest bool) {
	b.mu.Lock()
	did = !b.closed && b.pace.often(len(b.queue))
	if rest = did && b.waking && !first; rest {
		b.busy--
	} else if did {
		b.waking = true
	}
	b.mu.Unlock()
	if did && !rest {
		time.Sleep(b.cfg.Gather)
	}
	return did, rest
}

// take takes what waits, up to one batch, or rests the server where that is not
// worth it. The last busy server always goes on, so that nothing is left
// waiting, and so does one beside a slow one, which might be the last for long.
// A server that was just woken, or has gathered, does not rest beside another.
// It also returns how many of them may be run, and how long they may have waited.
func (b *Batcher[Req, Res]) take(server int, fresh bool) (calls []*Call[Req, Res], now time.Time, most int, patience time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if fresh {
		b.waking = false
	}
	now = time.Now()
	defer b.watchOver(now)
	if len(b.queue) == 0 || b.busy > 1 && !fresh && !b.closed && !b.worth() && !b.pace.slow(now) {
		b.busy--
		return nil, time.Time{}, 0, 0
	}
	n, most := min(len(b.queue), b.cfg.MaxBatch), b.cfg.MaxBatch
	if b.pace.doubtful(now) {
		n, most = len(b.queue), 1
	}
	calls = slices.Clone(b.queue[:n])
	b.queue = slices.Delete(b.queue, 0, n)
	b.pace.took(server, min(n, most), now)
	return calls, now, most, b.pace.patience(now)
}

// claim keeps the calls that were not withdrawn. One that has waited past its
// patience, behind something stuck, is answered instead of begun, and so are
// those beyond the most that may be run.
func (b *Batcher[Req, Res]) claim(calls []*Call[Req, Res], now time.Time, most int, patience time.Duration) []*Call[Req, Res] {
	kept := calls[:0]
	for _, c := range calls {
		waited := now.Sub(c.since)
		switch {
		case !c.state.CompareAndSwap(waiting, taken):
		case waited > patience:
			c.Fail(order.Wrap(ErrWithdrawn, order.CodeUnavailable, "The service is not available. Please try again."))
		case len(kept) == most:
			c.Fail(overloaded())
		default:
			if b.cfg.Waited != nil {
				b.cfg.Waited(waited)
			}
			kept = append(kept, c)
		}
	}
	return kept
}

func (b *Batcher[Req, Res]) finish(server, calls int, took time.Duration, proved bool) {
	b.mu.Lock()
	b.pace.finished(server, calls, took, proved)
	b.mu.Unlock()
	if b.cfg.Ran != nil && calls > 0 {
		b.cfg.Ran(calls, took)
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

// Call is one request on its way.
type Call[Req, Res any] struct {
	Req Req

	since time.Time
	state atomic.Int32
	res   Res
	err   error
	done  chan struct{} // holds one: a server never waits for a caller
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

// wait returns true once the call is answered, or false when ctx ended before a
// server took it. A context that cannot end spares the call a select.
func (c *Call[Req, Res]) wait(ctx context.Context) bool {
	if ctx.Done() == nil {
		<-c.done
		return true
	}
	select {
	case <-c.done:
		return true
	case <-ctx.Done():
		if c.state.CompareAndSwap(waiting, withdrawn) {
			return false
		}
		<-c.done
		return true
	}
}

// Answer gives the caller its result. The call is the caller's from then on.
func (c *Call[Req, Res]) Answer(res Res, err error) {
	c.res, c.err = res, err
	c.done <- struct{}{}
}

// Fail answers with an error alone.
func (c *Call[Req, Res]) Fail(err error) { c.Answer(*new(Res), err) }

// Since is when the call came.
func (c *Call[Req, Res]) Since() time.Time { return c.since }

// reset makes the call ready for the next caller, and forgets what it held.
func (c *Call[Req, Res]) reset() {
	c.Req, c.res, c.err = *new(Req), *new(Res), nil
	c.state.Store(waiting)
}

// Reqs returns the requests of calls.
func Reqs[Req, Res any](calls []*Call[Req, Res]) []Req {
	reqs := make([]Req, len(calls))
	for i, c := range calls {
		reqs[i] = c.Req
	}
	return reqs
}

// Result is what became of one request.
type Result[Res any] struct {
	Value Res
	Err   error
}

// Whole makes a Flush of a function that answers a batch as a whole, with one
// result for each request, and has always asked for them.
func Whole[Req, Res any](do func(context.Context, []Req) []Result[Res]) Flush[Req, Res] {
	return func(ctx context.Context, calls []*Call[Req, Res]) bool {
		for i, r := range do(ctx, Reqs(calls)) {
			calls[i].Answer(r.Value, r.Err)
		}
		return true
	}
}
