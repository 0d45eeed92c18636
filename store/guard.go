package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How long a statement may take, and the wait for a connection before it,
// whatever its caller allows: a line that has fallen silent says nothing, not
// even that it is broken.
const (
	statementTimeout = 5 * time.Second
	auditTimeout     = 5 * time.Minute // reads whole tables, while nobody waits
	migrateTimeout   = time.Hour       // may rewrite or index a large table
)

// A connection that has been idle for pingAfter is asked whether it lives before
// it is used. One that does not answer within pingTimeout never will.
const (
	pingAfter   = time.Second
	pingTimeout = 2 * time.Second
)

// guard gives every statement of every connection a deadline, and drops all
// connections when one shows that they are of no use any more. pgx asks it for
// the context of each statement as it asks a tracer, so none can be forgotten.
type guard struct {
	mu    sync.Mutex
	pools []*pgxpool.Pool
}

// watch makes p one of the pools that are dropped.
func (g *guard) watch(p *pgxpool.Pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pools = append(g.pools, p)
}

// reset has every connection closed, those in use as soon as they are free.
func (g *guard) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.pools {
		p.Reset()
	}
}

type (
	limitKey struct{} // time.Duration of each statement
	endKey   struct{} // context.CancelFunc of this one
)

// within has each statement under ctx take up to d, instead of statementTimeout.
func within(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, limitKey{}, d)
}

// limit is how long a statement under ctx may take.
func limit(ctx context.Context) time.Duration {
	if d, ok := ctx.Value(limitKey{}).(time.Duration); ok {
		return d
	}
	return statementTimeout
}

// begin gives what is done with ctx its deadline; end must follow.
func (g *guard) begin(ctx context.Context, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, limit)
	return context.WithValue(ctx, endKey{}, cancel)
}

func (g *guard) end(ctx context.Context, err error) {
	if cancel, ok := ctx.Value(endKey{}).(context.CancelFunc); ok {
		cancel()
	}
	if demoted(err) {
		g.reset()
	}
}

// demoted reports whether the server said that it has been, or is about to be,
// replaced: 25006 (read-only), 57P01 to 57P03 (shutting down, crashed, not up).
// That is true of its other connections as well.
func demoted(err error) bool { return sqlClass(err, "25006", "57P01", "57P02", "57P03") }

// shouldPing is asked by a pool whose connection p is about to be used. It pings
// by itself, because what it finds is true of the others too: they would be
// pinged one after the other, each for pingTimeout, by everyone who needs one.
func (g *guard) shouldPing(ctx context.Context, p pgxpool.ShouldPingParams) bool {
	if p.IdleDuration < pingAfter {
		return false
	}
	pinging, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if p.Conn.Ping(pinging) == nil {
		return false
	}
	if ctx.Err() == nil { // or the caller was only in a hurry
		g.reset()
	}
	return true // the pool finds it closed and takes another
}

// TraceQueryStart gives a statement its deadline.
func (g *guard) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return g.begin(ctx, limit(ctx))
}

// TraceQueryEnd ends what TraceQueryStart began.
func (g *guard) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	g.end(ctx, data.Err)
}

// TraceBatchStart gives statements that travel together their deadline.
func (g *guard) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return g.begin(ctx, limit(ctx))
}

// TraceBatchQuery has nothing to do: the batch ends as a whole.
func (g *guard) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd ends what TraceBatchStart began.
func (g *guard) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	g.end(ctx, data.Err)
}

// TraceAcquireStart gives the wait for a connection its deadline.
func (g *guard) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return g.begin(ctx, statementTimeout)
}

// TraceAcquireEnd ends what TraceAcquireStart began.
func (g *guard) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	g.end(ctx, data.Err)
}
