package batch

import (
	"context"
	"runtime"
	"slices"
	"time"

	"order-service/order"
)

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
