package cache

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"order-service/batch"
	"order-service/order"
)

// patience is how many timeouts a settle may wait in a queue.
const patience = 5

// pingTTL rids Redis of the key that Ping writes.
const pingTTL = 10 * time.Second

// Config says where Redis is.
type Config struct {
	URL     string        // redis:// or rediss://; a Redis Cluster or Sentinels as parse has it
	TLS     *tls.Config   // for a rediss:// URL; nil: the system's authorities and no certificate
	Prefix  string        // before every key; for tests that share a Redis
	Timeout time.Duration // the longest a request waits for Redis; 0 means 45 ms
	Log     zerolog.Logger

	// Password is asked for the password of each new connection, which may be
	// another each time. Nil takes the URL's.
	Password func() (string, error)

	Batch func(calls int, took time.Duration) // told of every round trip for requests; may be nil
}

// Gate admits orders. Its methods may be called concurrently.
type Gate struct {
	prefix  string
	timeout time.Duration
	fast    redis.UniversalClient // requests: gives up within the time a buyer is given
	patient redis.UniversalClient // upkeep: rebuilds, reaping, drops that are retried
	batched func(calls int, took time.Duration)
	caller  *batch.Batcher[*call, any] // settles and drops
	drops   *dropper
	soldOut *soldOut
	masters *breaker // nil unless Redis is a Cluster
	scripts scripts
	close   func() error
}

// Open returns a Gate. It does not connect; Ping does. The error is about the
// URL. go-redis' own messages go to the log from now on.
func Open(c Config) (*Gate, error) {
	redis.SetLogger(redisLog{quiet(c.Log)})
	timeout := cmp.Or(c.Timeout, 45*time.Millisecond)
	// A little is left for the queue, so that a caller hears of a dead Redis
	// from its own round trip and within its time.
	fast, err := connect(c, limits{timeout: timeout * 8 / 9, conns: 16})
	if err != nil {
		return nil, err
	}
	patient, err := connect(c, limits{timeout: max(2*time.Second, timeout), conns: 8})
	if err != nil {
		return nil, err
	}
	g := &Gate{
		prefix: c.Prefix, timeout: timeout, fast: fast, patient: patient,
		batched: c.Batch, soldOut: newSoldOut(), scripts: newScripts(),
	}
	if _, cluster := fast.(*redis.ClusterClient); cluster {
		g.masters = newBreaker()
	}
	if g.batched == nil {
		g.batched = func(int, time.Duration) {}
	}
	g.caller = g.newCaller()
	g.drops = newDropper(g.dropNow, c.Log)
	g.close = sync.OnceValue(g.shutDown)
	return g, nil
}

// Ping reports whether Redis can be written to: a replica, one that is full and
// one that cannot save answer PING all the same.
func (g *Gate) Ping(ctx context.Context) error {
	if err := g.patient.Set(ctx, g.prefix+"gate:ping", "", pingTTL).Err(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// Close answers the calls under way, tries the queued drops once more, for
// about a second at most, and disconnects. It may be called twice.
func (g *Gate) Close() error { return g.close() }

func (g *Gate) shutDown() error {
	_ = g.caller.Stop(context.Background()) // every round trip ends by its own timeout
	g.drops.close()
	return cmp.Or(g.fast.Close(), g.patient.Close())
}

// Stocks returns the gate's copies of products, in one round trip; those that
// it does not have are not in the map.
func (g *Gate) Stocks(ctx context.Context, productIDs ...string) (map[string]order.GateStock, error) {
	if len(productIDs) == 0 {
		return nil, nil
	}
	pipe := g.fast.Pipeline()
	replies := make([]*redis.SliceCmd, len(productIDs))
	for i, id := range productIDs {
		replies[i] = pipe.HMGet(ctx, g.keys(id)[0], "version", "available", "held")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	stocks := make(map[string]order.GateStock, len(productIDs))
	for i, id := range productIDs {
		fields := replies[i].Val()
		if fields[0] == nil {
			continue
		}
		stock, err := readStock(fields)
		if err != nil {
			return nil, fmt.Errorf("gate stock of %s: %w", id, err)
		}
		stocks[id] = stock
	}
	return stocks, nil
}

func readStock(fields []any) (order.GateStock, error) {
	var n [3]int64
	for i, field := range fields {
		text, _ := field.(string)
		var err error
		if n[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return order.GateStock{}, err
		}
	}
	return order.GateStock{Version: n[0], Available: n[1], Held: n[2]}, nil
}

// Settle publishes st, the ledger after an order moved or ended, and drops the
// order's hold, which st accounts for. Late and repeated calls are harmless.
// Errors are CodeUnavailable or CodeOverloaded and may be retried.
func (g *Gate) Settle(ctx context.Context, orderID uuid.UUID, st order.Stock) error {
	// Nobody watches a spinner for this: it may wait out a queue.
	ctx, cancel := context.WithTimeout(ctx, patience*g.timeout)
	defer cancel()
	free, err := g.caller.Do(ctx, g.settleCall(orderID, st))
	if err != nil {
		return unavailable(err)
	}
	g.soldOut.correct(st.ProductID, free)
	return nil
}

func (g *Gate) settleCall(orderID uuid.UUID, st order.Stock) *call {
	return g.call(g.scripts.settle, st.ProductID,
		orderID.String(), st.Version, st.Available, st.Limited, st.UserID, st.UserUnits)
}

// call returns a call of a script on a product's keys. Its keys are in
// common.lua's order.
func (g *Gate) call(script *redis.Script, productID string, args ...any) *call {
	return &call{script: script, keys: g.keys(productID), args: args}
}

func (g *Gate) keys(productID string) []string {
	tag := g.tag(productID)
	return []string{tag + "product", tag + "holds", tag + "ages", tag + "users", tag + "inflight"}
}

// tag begins every key of a product. The braces make Redis Cluster put them
// all into one slot.
func (g *Gate) tag(productID string) string { return g.prefix + "gate:{" + productID + "}:" }

// idempotencyKey names the string that remembers a buyer's key. The length
// keeps user "a:b" with key "c" apart from user "a" with key "b:c".
func (g *Gate) idempotencyKey(productID, userID, key string) string {
	return g.tag(productID) + "key:" + strconv.Itoa(len(userID)) + ":" + userID + ":" + key
}

// runOne runs c on its own, for upkeep.
func (g *Gate) runOne(ctx context.Context, c *call) (any, error) {
	run(ctx, g.patient, []*call{c})
	return c.reply, c.err
}

// redisLog takes what go-redis would write to stderr for every failed dial.
// go-redis has one logger for the process: the last Gate opened lends its own.
type redisLog struct{ log zerolog.Logger }

// Printf implements go-redis' logger.
func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Warn().Msgf("redis: "+format, v...)
}

const unreachable = "The shop is not reachable right now. Please try again."

// unavailable says that Redis did not answer, unless err says more.
func unavailable(err error) error {
	if order.CodeOf(err) != order.CodeInternal {
		return err
	}
	return order.Wrap(err, order.CodeUnavailable, unreachable)
}
