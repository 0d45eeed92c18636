package board

import (
	"context"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

const (
	every        = time.Second
	maxWatchers  = 20 // of one process
	maxWaiting   = 4  // events that one watcher may have waiting
	writeTimeout = 5 * time.Second
)

// watcher is one client.
type watcher struct {
	frames chan []byte
	cut    context.CancelFunc
}

// Admit returns CodeTooManyStreams when there is no room for a watcher, and
// CodeUnavailable once the board is closed.
func (b *Board) Admit() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal()
}

// refusal is what Admit returns. The caller holds mu.
func (b *Board) refusal() error {
	switch {
	case b.closed:
		return order.Errorf(order.CodeUnavailable, "The service is stopping.")
	case len(b.watchers) >= maxWatchers:
		return order.Errorf(order.CodeTooManyStreams, "%d watch the board of this process already.", maxWatchers)
	}
	return nil
}

// Serve sends points over conn, whose response header has been written, until
// the client leaves or is too slow, its token expires, or the board is closed.
// It closes conn.
func (b *Board) Serve(conn net.Conn, expires time.Time) {
	defer logPanic(b.log, "stream")
	ctx, cut := context.WithDeadline(b.ctx, expires)
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // whatever waits on it returns
	w := &watcher{frames: make(chan []byte, maxWaiting), cut: cut}
	if !b.join(w) { // another client was faster; this one comes back and is told
		cut()
		return
	}
	defer b.leave(w)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer cut()
		_, _ = io.Copy(io.Discard, conn) // returns when the client has gone
	})
	w.write(ctx, conn)
	cut()
	reader.Wait()
}

// write sends frames until one cannot be sent in time.
func (w *watcher) write(ctx context.Context, conn net.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-w.frames:
			if conn.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
				return
			}
			if _, err := conn.Write(frame); err != nil {
				return
			}
		}
	}
}

// join makes w a watcher, with the history as its first frame, and sees to it
// that somebody gathers.
func (b *Board) join(w *watcher) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refusal() != nil {
		return false
	}
	w.frames <- b.past.opening(time.Now())
	b.watchers[w] = struct{}{}
	b.running.Add(1)
	if !b.gathering {
		b.gathering = true
		b.running.Go(b.run)
	}
	return true
}

func (b *Board) leave(w *watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers, w)
	b.running.Done()
}

// run gathers until nobody watches any more.
func (b *Board) run() {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for b.watched() {
		b.step()
		select {
		case <-b.ctx.Done():
		case <-ticker.C:
		}
	}
}

// watched reports whether to gather on. When not, the next watcher starts the
// gatherer again.
func (b *Board) watched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gathering = !b.closed && len(b.watchers) > 0
	return b.gathering
}

// step is one point. A panic costs that point: showing figures must not end a
// process that takes orders.
func (b *Board) step() {
	defer logPanic(b.log, "point")
	b.publish(b.gather(b.ctx))
}

// publish keeps p and hands it to every watcher. It waits for none: one whose
// buffer is full is cut off, and its browser comes back.
func (b *Board) publish(p point) {
	e, err := encode(p)
	if err != nil {
		b.log.Error().Err(err).Msg("the board's point cannot be encoded")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.past.add(e)
	for w := range b.watchers {
		select {
		case w.frames <- e.frame:
		default:
			w.cut()
		}
	}
}

// logPanic, deferred, logs a panic of a part of the board and ends it.
func logPanic(log zerolog.Logger, of string) {
	if cause := recover(); cause != nil {
		log.Error().Interface("panic", cause).Bytes("stack", debug.Stack()).Msgf("panic in a %s of the board", of)
	}
}
