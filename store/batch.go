package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"order-service/order"
)

// batcherConfig bounds a batcher.
type batcherConfig struct {
	Writers  int           // batches under way at once
	MaxBatch int           // requests in one batch
	MaxQueue int           // requests that wait for a writer
	Deadline time.Duration // longest stay in the queue, and longest run of a batch

	Waited func(time.Duration)                    // by one request, for a writer; may be nil
	Ran    func(requests int, took time.Duration) // one batch, well or not; may be nil
}

// batcher groups concurrent requests into batches. It is clocked by its own
// work: a free writer takes at once whatever is queued, so an idle batcher adds
// no delay and a busy one makes larger batches. Every caller gets the result of
// its own request.
type batcher[Req, Res any] struct {
	cfg     batcherConfig
	flush   func(context.Context, []Req) ([]outcome[Res], error)
	queue   chan *call[Req, Res]
	average atomic.Int64 // nanoseconds a batch takes, moving average
	busy    []atomic.Int64

	mu     sync.RWMutex // held for reading while sending to queue
	closed bool         // queue is closed

	ctx     context.Context // of every batch: not any caller's
	abandon context.CancelFunc
	writers sync.WaitGroup
}

// outcome is what became of one request.
type outcome[Res any] struct {
	value Res
	err   error
}

// call is one request on its way. Exactly one of its caller (withdrawing) and
// a writer (taking) wins the change of state.
type call[Req, Res any] struct {
	req   Req
	since time.Time
	state atomic.Int32
	done  chan outcome[Res] // buffered: a writer never waits for a caller
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

// newBatcher starts the writers. flush answers every request of a batch, or
// fails as a whole: when values are to blame (badData) the batch is halved and
// flushed again until the bad request fails alone.
func newBatcher[Req, Res any](cfg batcherConfig, flush func(context.Context, []Req) ([]outcome[Res], error)) *batcher[Req, Res] {
	b := &batcher[Req, Res]{
		cfg:   cfg,
		flush: flush,
		queue: make(chan *call[Req, Res], cfg.MaxQueue),
		busy:  make([]atomic.Int64, cfg.Writers),
	}
	b.ctx, b.abandon = context.WithCancel(context.Background())
	for i := range b.busy {
		b.writers.Go(func() { b.write(&b.busy[i]) })
	}
	return b
}

// do waits for req's result. When ctx ends first, it withdraws req if no writer
// has taken it, with ErrWithdrawn; otherwise it waits on, at most Deadline. A
// full queue is an Error with CodeOverloaded.
func (b *batcher[Req, Res]) do(ctx context.Context, req Req) (Res, error) {
	c := &call[Req, Res]{req: req, since: time.Now(), done: make(chan outcome[Res], 1)}
	if err := b.enqueue(ctx, c); err != nil {
		return *new(Res), err
	}
	select {
	case out := <-c.done:
		return out.value, out.err
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(waiting, withdrawn) {
		return *new(Res), fmt.Errorf("%w: %w", ErrWithdrawn, context.Cause(ctx))
	}
	out := <-c.done
	return out.value, out.err
}

func (b *batcher[Req, Res]) enqueue(ctx context.Context, c *call[Req, Res]) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrWithdrawn, context.Cause(ctx))
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return order.Wrap(ErrWithdrawn, order.CodeUnavailable, "The service is shutting down.")
	}
	select {
	case b.queue <- c:
		return nil
	default:
		return order.Wrap(ErrWithdrawn, order.CodeOverloaded, "Too many requests are waiting for the database.")
	}
}

// write is one writer: it runs batches until the queue is closed and empty.
func (b *batcher[Req, Res]) write(busy *atomic.Int64) {
	for first := range b.queue {
		calls := b.take(first)
		if len(calls) == 0 {
			continue
		}
		start := time.Now()
		busy.Store(start.UnixNano())
		ctx, cancel := context.WithTimeout(b.ctx, b.cfg.Deadline)
		b.run(ctx, calls)
		cancel()
		busy.Store(0)
		b.observe(len(calls), time.Since(start))
	}
}

// take claims first and what else is queued now, up to one batch.
func (b *batcher[Req, Res]) take(first *call[Req, Res]) []*call[Req, Res] {
	calls := b.claim(nil, first)
	for len(calls) < b.cfg.MaxBatch {
		select {
		case c, ok := <-b.queue:
			if !ok {
				return calls
			}
			calls = b.claim(calls, c)
		default:
			return calls
		}
	}
	return calls
}

// claim appends c unless its caller has withdrawn it, or should have: a call
// that has waited for longer than the deadline, behind a stuck database, is
// answered instead of begun.
func (b *batcher[Req, Res]) claim(calls []*call[Req, Res], c *call[Req, Res]) []*call[Req, Res] {
	if !c.state.CompareAndSwap(waiting, taken) {
		return calls
	}
	waited := time.Since(c.since)
	if waited > b.cfg.Deadline {
		c.done <- outcome[Res]{err: unavailable(ErrWithdrawn)}
		return calls
	}
	if b.cfg.Waited != nil {
		b.cfg.Waited(waited)
	}
	return append(calls, c)
}

func (b *batcher[Req, Res]) run(ctx context.Context, calls []*call[Req, Res]) {
	reqs := make([]Req, len(calls))
	for i, c := range calls {
		reqs[i] = c.req
	}
	outs, err := b.flush(ctx, reqs)
	switch {
	case err == nil:
		for i, c := range calls {
			c.done <- outs[i]
		}
	case len(calls) > 1 && badData(err):
		b.run(ctx, calls[:len(calls)/2])
		b.run(ctx, calls[len(calls)/2:])
	default:
		for _, c := range calls {
			c.done <- outcome[Res]{err: err}
		}
	}
}

// observe weighs the newest batch with a quarter. Concurrent writers may lose
// each other's update, which an average survives.
func (b *batcher[Req, Res]) observe(requests int, took time.Duration) {
	old := b.average.Load()
	b.average.Store(old + (int64(took)-old)/4)
	if b.cfg.Ran != nil {
		b.cfg.Ran(requests, took)
	}
}

// wait estimates how long a request that is made now would wait for a writer.
// It is 0 while
// a writer is free: a slow database is no queue, and a caller that sheds by
// this figure must always let someone through to measure the next batch.
func (b *batcher[Req, Res]) wait() time.Duration {
	batch := b.average.Load()
	now := time.Now().UnixNano()
	for i := range b.busy {
		since := b.busy[i].Load()
		if since == 0 {
			return 0
		}
		batch = max(batch, now-since) // a batch that is stuck says more than the average
	}
	ahead := int64(len(b.queue) / (b.cfg.MaxBatch * b.cfg.Writers))
	return time.Duration(batch/2 + batch*ahead) // the rest of the present one, and those ahead
}

// stop refuses new requests, runs those that are queued and returns when the
// writers have ended. When ctx ends first it abandons the batches under way,
// whose callers are answered with errors, and returns ctx's error. It may be
// called again.
func (b *batcher[Req, Res]) stop(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
	b.mu.Unlock()
	defer context.AfterFunc(ctx, b.abandon)()
	b.writers.Wait()
	b.abandon()
	return ctx.Err()
}
