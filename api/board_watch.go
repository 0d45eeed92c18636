package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"order-service/order"
)

const (
	boardEvery        = time.Second
	boardHistory      = 300 // points
	boardWatchers     = 20  // of one process
	boardBuffer       = 4   // events that one watcher may have waiting
	boardWriteTimeout = 5 * time.Second
)

// board gathers a point a second while somebody watches, and sends it to all
// who do. A point is encoded once; the last ones are kept, so that a chart is
// full as soon as it is opened.
type board struct {
	gather func(context.Context) boardPoint
	log    zerolog.Logger
	ctx    context.Context // ends when close begins
	cancel context.CancelFunc

	running sync.WaitGroup // the gatherer and the watchers; Add under mu and only while !closed

	mu        sync.Mutex
	closed    bool
	gathering bool
	watchers  map[*boardWatcher]struct{}
	points    []pastPoint // oldest first, at most boardHistory
	newest    []byte      // the frame of the last one
}

// pastPoint is a point without what no chart shows: five minutes of every
// product would be megabytes.
type pastPoint struct {
	at   time.Time
	json []byte
}

// boardWatcher is one client.
type boardWatcher struct {
	frames chan []byte
	cut    context.CancelFunc
}

func newBoard(gather func(context.Context) boardPoint, log zerolog.Logger) *board {
	b := &board{gather: gather, log: log, watchers: map[*boardWatcher]struct{}{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// admits returns CodeTooManyStreams when there is no room for a watcher, and
// CodeUnavailable while the process stops.
func (b *board) admits() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal()
}

// refusal is what admits returns. The caller holds mu.
func (b *board) refusal() error {
	switch {
	case b.closed:
		return order.Errorf(order.CodeUnavailable, "The service is stopping.")
	case len(b.watchers) >= boardWatchers:
		return order.Errorf(order.CodeTooManyStreams, "%d watch the board of this process already.", boardWatchers)
	}
	return nil
}

// serve sends points over conn until the client leaves or is too slow, its
// token expires, or the board closes. It closes conn.
func (b *board) serve(conn net.Conn, expires time.Time) {
	defer b.recover("stream")
	ctx, cut := context.WithDeadline(b.ctx, expires)
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // whatever waits on it returns
	w := &boardWatcher{frames: make(chan []byte, boardBuffer), cut: cut}
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
func (w *boardWatcher) write(ctx context.Context, conn net.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-w.frames:
			if conn.SetWriteDeadline(time.Now().Add(boardWriteTimeout)) != nil {
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
func (b *board) join(w *boardWatcher) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refusal() != nil {
		return false
	}
	w.frames <- b.opening(time.Now())
	b.watchers[w] = struct{}{}
	b.running.Add(1)
	if !b.gathering {
		b.gathering = true
		b.running.Go(b.run)
	}
	return true
}

func (b *board) leave(w *boardWatcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers, w)
	b.running.Done()
}

// opening is what a stream begins with: the points that are not too old, and
// the newest as the present one unless the next is due. The caller holds mu.
func (b *board) opening(now time.Time) []byte {
	old, newest := b.points, []byte(nil)
	if last := len(b.points) - 1; last >= 0 && now.Sub(b.points[last].at) < 2*boardEvery {
		old, newest = b.points[:last], b.newest
	}
	var history [][]byte
	for _, p := range old {
		if now.Sub(p.at) <= boardHistory*boardEvery {
			history = append(history, p.json)
		}
	}
	opening := fmt.Appendf(nil, "retry: %d\n\nevent: history\ndata: [", 1000+rand.IntN(3001))
	opening = append(opening, bytes.Join(history, []byte(","))...)
	opening = append(opening, "]\n\n"...)
	return append(opening, newest...)
}

func boardFrame(json []byte) []byte {
	frame := make([]byte, 0, len(json)+len("event: board\ndata: \n\n"))
	frame = append(frame, "event: board\ndata: "...)
	frame = append(frame, json...)
	return append(frame, "\n\n"...)
}

// run gathers until nobody watches any more.
func (b *board) run() {
	ticker := time.NewTicker(boardEvery)
	defer ticker.Stop()
	for b.watched() {
		b.step()
		select {
		case <-b.ctx.Done():
		case <-ticker.C:
		}
	}
}

// step is one point. A panic costs that point: showing figures must not end a
// process that takes orders.
func (b *board) step() {
	defer b.recover("point")
	b.publish(b.gather(b.ctx))
}

// recover, deferred, logs a panic.
func (b *board) recover(of string) {
	if cause := recover(); cause != nil {
		b.log.Error().Interface("panic", cause).Bytes("stack", debug.Stack()).Msgf("panic in a %s of the board", of)
	}
}

// watched reports whether to gather on. When not, the next watcher starts the
// gatherer again.
func (b *board) watched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gathering = !b.closed && len(b.watchers) > 0
	return b.gathering
}

// publish keeps p and hands it to every watcher. It waits for none: one whose
// buffer is full is cut off, and its browser comes back.
func (b *board) publish(p boardPoint) {
	encoded, err := order.EncodeJSON(p)
	p.Products = []boardProduct{}
	past, pastErr := order.EncodeJSON(p)
	if err = errors.Join(err, pastErr); err != nil {
		b.log.Error().Err(err).Msg("the board's point cannot be encoded")
		return
	}
	frame := boardFrame(encoded)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.newest = frame
	b.points = append(b.points, pastPoint{p.At.Time, past})
	if over := len(b.points) - boardHistory; over > 0 {
		b.points = append(b.points[:0], b.points[over:]...)
	}
	for w := range b.watchers {
		select {
		case w.frames <- frame:
		default:
			w.cut()
		}
	}
}

// close ends the gatherer and every stream and returns when all have ended. It
// may be called more than once.
func (b *board) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.running.Wait()
}
