package cache

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/redis/go-redis/v9"

	"order-service/batch"
)

// Limits of the settles and drops that share round trips.
const (
	maxQueue = 8192 // calls that wait
	maxBatch = 256  // calls in one round trip
	flushers = 2    // round trips under way: Redis works on one while the other is encoded and read

	scriptTries = 3 // rounds of a batch whose scripts Redis keeps forgetting
)

// A call is one run of a script.
type call struct {
	script *redis.Script
	keys   []string
	args   []any

	reply any
	err   error
}

// newCaller shares round trips between concurrent settles and drops.
//
// go-redis 9.23 has an AutoPipeline for this, which does not fit: it sends a
// queued command even when its caller has left; it cannot reload a script for a
// whole batch; and it is experimental.
func (g *Gate) newCaller() *batch.Batcher[*call, any] {
	cfg := batch.Config{Servers: flushers, MaxBatch: maxBatch, MaxQueue: maxQueue, Deadline: patience * g.timeout, Ran: g.batched}
	return batch.New(cfg, func(ctx context.Context, calls []*batch.Call[*call, any]) bool {
		ctx, cancel := context.WithTimeout(ctx, g.timeout)
		defer cancel()
		scripts := batch.Reqs(calls)
		run(ctx, g.fast, scripts)
		for i, c := range calls {
			c.Answer(scripts[i].reply, scripts[i].err)
		}
		return true
	})
}

// reached reports whether a call that ended with err may have reached Redis.
func reached(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return !ok || e.Op != "dial"
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

// evaluate sends calls once. To a Cluster it sends each product's by themselves:
// go-redis gives all of a pipeline the error that one of its nodes makes it give
// up with, also those that were answered.
func evaluate(ctx context.Context, client redis.UniversalClient, calls []*call) {
	if _, cluster := client.(*redis.ClusterClient); !cluster {
		pipeline(ctx, client, calls)
		return
	}
	products := map[string][]*call{}
	for _, c := range calls {
		products[c.keys[0]] = append(products[c.keys[0]], c)
	}
	var sent sync.WaitGroup
	for _, calls := range products {
		sent.Go(func() { pipeline(ctx, client, calls) })
	}
	sent.Wait()
}

func pipeline(ctx context.Context, client redis.UniversalClient, calls []*call) {
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
