package cache

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"order-service/order"
)

const (
	maxQueue = 8192 // calls waiting for a round trip
	maxBatch = 256  // calls that share one
	flushers = 2    // round trips in flight: Redis works on one while the other is encoded and read

	scriptTries = 3 // rounds of a batch whose scripts Redis keeps forgetting
)

// A call is one run of a script for one caller.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
	undo   func() // queued work that takes back what the script may have done; nil when nothing has to be

	state atomic.Int32
	done  chan struct{} // closed when answered
	reply any
	err   error
}

// The states of a call. Its caller and its flusher each move it once from
// where they found it, so exactly one of them answers for it.
const (
	queued   = iota // nobody has sent it
	sent            // on its way to Redis
	answered        // reply and err are set
	left            // the caller has gone
)

// pipeline shares round trips between concurrent callers without a timer: a
// flusher takes what has queued up while it waited for Redis.
//
// go-redis 9.23 has an AutoPipeline for this, which does not fit: it sends a
// queued command even when its caller has left, so after a stall every refused
// request would take and return units; it cannot reload a script for a whole
// batch; and it is experimental.
type pipeline struct {
	client  redis.UniversalClient
	timeout time.Duration // of one round trip, connecting included
	batched func(calls int, took time.Duration)
	queue   chan *call
	stop    chan struct{}
	running sync.WaitGroup
}

func newPipeline(client redis.UniversalClient, timeout time.Duration, batched func(int, time.Duration)) *pipeline {
	if batched == nil {
		batched = func(int, time.Duration) {}
	}
	p := &pipeline{
		client: client, timeout: timeout, batched: batched,
		queue: make(chan *call, maxQueue), stop: make(chan struct{}),
	}
	for range flushers {
		p.running.Go(p.flush)
	}
	return p
}

// do sends c with the next batch and returns its reply. A caller whose ctx ends
// first gets ctx's error: c is then never sent, or undone if it was.
func (p *pipeline) do(ctx context.Context, c *call) (any, error) {
	c.done = make(chan struct{})
	select {
	case p.queue <- c:
	default:
		return nil, order.Errorf(order.CodeOverloaded, "The shop is very busy. Please try again.")
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.leave() {
			return nil, context.Cause(ctx)
		}
		<-c.done
	}
	if c.err != nil && c.undo != nil && reached(c.err) {
		c.undo()
	}
	return c.reply, c.err
}

// leave reports whether the caller could leave before c was answered.
func (c *call) leave() bool {
	return c.state.CompareAndSwap(queued, left) || c.state.CompareAndSwap(sent, left)
}

// finish hands the answer over, or undoes what nobody waits for any more.
func (c *call) finish() {
	if c.state.CompareAndSwap(sent, answered) {
		close(c.done)
	} else if c.undo != nil && reached(c.err) {
		c.undo()
	}
}

// reached reports whether a call that ended with err may have reached Redis.
func reached(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return !ok || e.Op != "dial"
}

// flush sends batches until close, and what is queued by then.
func (p *pipeline) flush() {
	for {
		select {
		case c := <-p.queue:
			p.send(p.batch(c))
		case <-p.stop:
			select {
			case c := <-p.queue:
				p.send(p.batch(c))
			default:
				return
			}
		}
	}
}

// batch takes what is queued behind first, without those whose callers left.
func (p *pipeline) batch(first *call) []*call {
	var calls []*call
	for c := first; ; {
		if c.state.CompareAndSwap(queued, sent) {
			calls = append(calls, c)
		}
		if len(calls) == maxBatch {
			return calls
		}
		select {
		case c = <-p.queue:
		default:
			return calls
		}
	}
}

func (p *pipeline) send(calls []*call) {
	if len(calls) == 0 {
		return // all of them have left
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
	defer cancel()
	begun := time.Now()
	run(ctx, p.client, calls)
	took := time.Since(begun)
	for _, c := range calls {
		c.finish()
	}
	p.batched(len(calls), took)
}

// close answers what is queued and waits for the flushers. A call queued later
// ends with its caller's context.
func (p *pipeline) close() {
	close(p.stop)
	p.running.Wait()
}

// run sends calls in one round trip and sets their replies. Redis forgets
// scripts when it restarts or is told to: calls that found theirs missing, and
// so did nothing, are sent again after loading it.
func run(ctx context.Context, client redis.UniversalClient, calls []*call) {
	for range scriptTries {
		evaluate(ctx, client, calls)
		if calls = missing(calls); len(calls) == 0 {
			return
		}
		load(ctx, client, calls)
	}
}

// missing returns the calls whose script Redis did not know.
func missing(calls []*call) (without []*call) {
	for _, c := range calls {
		if redis.HasErrorPrefix(c.err, "NOSCRIPT") {
			without = append(without, c)
		}
	}
	return without
}

// load loads the calls' scripts, on every node of a cluster. Where that fails,
// the next evaluation fails too and says why.
func load(ctx context.Context, client redis.UniversalClient, calls []*call) {
	loaded := map[*redis.Script]bool{}
	for _, c := range calls {
		if !loaded[c.script] {
			loaded[c.script] = true
			_ = c.script.Load(ctx, client)
		}
	}
}

func evaluate(ctx context.Context, client redis.UniversalClient, calls []*call) {
	if len(calls) == 0 {
		return
	}
	pipe := client.Pipeline()
	replies := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		replies[i] = pipe.EvalSha(ctx, c.script.Hash(), c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // every command carries its own error
	for i, c := range calls {
		c.reply, c.err = replies[i].Result()
	}
}
