package batch

import (
	"context"
	"sync/atomic"
	"time"
)

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
