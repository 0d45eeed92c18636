package sse

import (
	"cmp"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
)

const (
	shardCount   = 64
	sweepEvery   = time.Second
	maxSnapshots = 8 // concurrent Resnapshot calls after a Reset, so that it doesn't become a stampede on the database
)

// Config bounds a Hub. Zero fields get the default that stands beside them.
type Config struct {
	MaxStreams   int           // streams in all; 50,000
	MaxPerUser   int           // streams of one user; 10
	Buffer       int           // events one stream may have waiting; 32
	Heartbeat    time.Duration // between two comments that keep proxies from closing; 15 s
	WriteTimeout time.Duration // for one write to the client; 2 s

	// Position tells where an order that was accepted at this time is in the
	// line, if that is known. It must not wait. Without it no positions are sent.
	Position func(accepted time.Time) (order.Position, bool)
	Log      zerolog.Logger
}

// Hub hands each progress event to the streams and long polls that are about
// its order or its user. All methods may be called from any goroutine.
type Hub struct {
	cfg       Config
	seed      maphash.Seed
	shards    [shardCount]shard
	snapshots chan struct{} // one place per running Resnapshot

	ctx     context.Context // ends when Close begins
	cancel  context.CancelFunc
	sweeper sync.WaitGroup
	serving sync.WaitGroup // Add under mu and only while !closed

	mu      sync.Mutex
	closed  bool
	perUser map[string]int

	streams atomic.Int64 // written under mu
	sent    atomic.Uint64
	dropped atomic.Uint64
}

// NewHub returns a running Hub; its owner must Close it.
func NewHub(cfg Config) *Hub {
	cfg.MaxStreams = cmp.Or(cfg.MaxStreams, 50_000)
	cfg.MaxPerUser = cmp.Or(cfg.MaxPerUser, 10)
	cfg.Buffer = cmp.Or(cfg.Buffer, 32)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, 15*time.Second)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 2*time.Second)
	h := &Hub{
		cfg: cfg, seed: maphash.MakeSeed(),
		snapshots: make(chan struct{}, maxSnapshots), perUser: make(map[string]int),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.sweeper.Go(h.sweep)
	return h
}

// JoinOrder opens a stream of one order's events on behalf of userID. From now
// on it holds live events until Serve; whoever joined calls Serve or Leave. It
// returns an Error with CodeTooManyStreams at a limit and CodeUnavailable while
// the hub closes. userID is kept, so it must not be memory that is used again.
func (h *Hub) JoinOrder(id uuid.UUID, userID string) (*Stream, error) {
	return h.join(orderTopic(id), userID)
}

// JoinUser is JoinOrder for the events of all of userID's orders.
func (h *Hub) JoinUser(userID string) (*Stream, error) {
	return h.join(userTopic(userID), userID)
}

func (h *Hub) join(t topic, userID string) (*Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, order.Errorf(order.CodeUnavailable, "The service is stopping.")
	case h.streams.Load() >= int64(h.cfg.MaxStreams):
		return nil, order.Errorf(order.CodeTooManyStreams, "Too many event streams are open.")
	case h.perUser[userID] >= h.cfg.MaxPerUser:
		return nil, order.Errorf(order.CodeTooManyStreams, "You have %d event streams open already.", h.cfg.MaxPerUser)
	}
	s := &Stream{hub: h, topic: t, userID: userID, joined: time.Now(), holding: true}
	h.perUser[userID]++
	h.streams.Add(1)
	h.shard(t).add(s)
	return s, nil
}

// remove takes s out of the hub; after it returns no event reaches s.
func (h *Hub) remove(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.left {
		return
	}
	s.left = true
	h.shard(s.topic).remove(s)
	h.streams.Add(-1)
	if h.perUser[s.userID]--; h.perUser[s.userID] == 0 {
		delete(h.perUser, s.userID)
	}
}

// Publish hands e to everyone who waits for it. It never waits for a client.
// Events of one order must be published in the order of their seq; repeated
// ones are not sent again. It returns how many streams are about e.
func (h *Hub) Publish(e order.ProgressEvent) (streams int) {
	h.shard(orderTopic(e.OrderID)).notify(e)
	if h.streams.Load() == 0 {
		return 0
	}
	encoded, err := encode(e)
	if err != nil {
		h.cfg.Log.Error().Err(err).Msg("progress event not sent")
		return 0
	}
	for _, t := range []topic{orderTopic(e.OrderID), userTopic(e.UserID)} {
		streams += h.shard(t).publish(t, encoded)
	}
	return streams
}

// Reset tells the hub that events may have been lost: every stream sends a
// reset event and then a fresh snapshot, and every watch ends.
func (h *Hub) Reset() {
	h.dismiss()
	h.each((*Stream).requestReset)
}

// Close refuses new streams, ends every watch, lets each stream finish what it
// is writing, and returns when all have ended. When ctx ends first it cuts them
// off and returns ctx's error, also only when all have ended. It may be called
// more than once.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	h.dismiss()
	h.each((*Stream).end)
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.sweeper.Wait()
		h.serving.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		h.each((*Stream).abort)
		<-done
		return context.Cause(ctx)
	}
}

// Stats is what the hub counts for metrics.
type Stats struct {
	Streams int64  // open now
	Sent    uint64 // events queued for clients so far
	Dropped uint64 // streams cut off so far because their client was too slow
}

// Stats returns the hub's counts.
func (h *Hub) Stats() Stats {
	return Stats{Streams: h.streams.Load(), Sent: h.sent.Load(), Dropped: h.dropped.Load()}
}

func (h *Hub) shard(t topic) *shard {
	return &h.shards[maphash.Comparable(h.seed, t)%shardCount]
}

func (h *Hub) each(f func(*Stream)) {
	for i := range h.shards {
		h.shards[i].each(f)
	}
}

func (h *Hub) dismiss() {
	for i := range h.shards {
		h.shards[i].dismiss()
	}
}

// sweep is one clock for heartbeats, expiring tokens and abandoned joins of all
// streams, instead of timers in each of them.
func (h *Hub) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case now := <-ticker.C:
			for i := range h.shards {
				for _, s := range h.shards[i].sweep(now) {
					s.Leave()
				}
			}
		}
	}
}
