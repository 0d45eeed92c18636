package sse

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"order-service/order"
)

func TestLimitsOfStreams(t *testing.T) {
	t.Parallel()
	h := newHub(t, Config{MaxStreams: 3, MaxPerUser: 2})
	join := func(user string) (*Stream, order.Code) {
		s, err := h.JoinOrder(uuid.New(), user)
		return s, order.CodeOf(err)
	}
	first, code := join("ann")
	if code != "" {
		t.Fatal(code)
	}
	if _, err := h.JoinUser("ann"); err != nil {
		t.Fatal(err)
	}
	if _, code := join("ann"); code != order.CodeTooManyStreams {
		t.Errorf("third stream of one user: %q", code)
	}
	if _, code := join("bob"); code != "" {
		t.Errorf("another user: %q", code)
	}
	if _, code := join("cid"); code != order.CodeTooManyStreams {
		t.Errorf("fourth stream in all: %q", code)
	}
	first.Leave()
	first.Leave()
	if _, code := join("ann"); code != "" {
		t.Errorf("after one left: %q", code)
	}
	if n := h.Stats().Streams; n != 3 {
		t.Errorf("%d streams, want 3", n)
	}
}

func TestResetSendsEveryStreamAFreshSnapshot(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	c := serve(t, h, joinOrder(t, h, id), Opening{
		Events: []order.ProgressEvent{eventAt(id, 2)},
		Resnapshot: func(context.Context) ([]order.ProgressEvent, error) {
			h.Publish(eventAt(id, 3)) // no lock is held, and what comes meanwhile waits for the snapshot
			return []order.ProgressEvent{eventAt(id, 2)}, nil
		},
	}, loopback)
	if e := c.next(t).progress(t); e.Seq != 2 {
		t.Fatalf("opening has seq %d", e.Seq)
	}
	h.Reset()
	if m := c.next(t); m.event != "reset" {
		t.Fatalf("got %+v, want reset", m)
	}
	for want := int64(2); want <= 3; want++ {
		if e := c.next(t).progress(t); e.Seq != want {
			t.Fatalf("after reset: seq %d, want %d", e.Seq, want)
		}
	}
}

func TestResetReadsFewSnapshotsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const streams = 3 * maxSnapshots
		h := NewHub(Config{MaxPerUser: streams})
		var reading atomic.Int64
		proceed := make(chan struct{})
		var clients []*served
		for range streams {
			id := uuid.New()
			clients = append(clients, serve(t, h, joinOrder(t, h, id), Opening{
				Resnapshot: func(context.Context) ([]order.ProgressEvent, error) {
					reading.Add(1)
					<-proceed
					return []order.ProgressEvent{eventAt(id, 4)}, nil
				},
			}, pipe))
		}
		h.Reset()
		synctest.Wait()
		if n := reading.Load(); n != maxSnapshots {
			t.Errorf("%d snapshots are read at once, want %d", n, maxSnapshots)
		}
		close(proceed)
		for _, c := range clients {
			if got := seqs(c); !slices.Equal(got, []int64{0, 4}) {
				t.Errorf("got %v, want a reset and the snapshot", got)
			}
		}
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestResetBeforeServeIsNotForgotten(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	s := joinOrder(t, h, id)
	h.Reset()
	c := serve(t, h, s, Opening{
		Events: []order.ProgressEvent{eventAt(id, 2)},
		Resnapshot: func(context.Context) ([]order.ProgressEvent, error) {
			return []order.ProgressEvent{eventAt(id, 4)}, nil
		},
	}, loopback)
	got := readAll(t, c)
	if len(got) != 4 || got[2].event != "reset" || got[3].progress(t).Seq != 4 {
		t.Errorf("got %+v, want retry, opening, reset, snapshot", got)
	}
}

func TestStreamEndsWhenItsSnapshotCannotBeRead(t *testing.T) {
	t.Parallel()
	h := newHub(t, Config{})
	c := serve(t, h, joinOrder(t, h, uuid.New()), Opening{
		Resnapshot: func(context.Context) ([]order.ProgressEvent, error) { return nil, errors.New("down") },
	}, loopback)
	h.Reset()
	if got := readAll(t, c); len(got) > 1 {
		t.Errorf("got %+v, want the end", got)
	}
	c.wait(t)
}

func TestCloseEndsStreamsAndWatchesAndRefusesNewOnes(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	c := serve(t, h, joinOrder(t, h, id), Opening{Events: []order.ProgressEvent{eventAt(id, 2)}}, loopback)
	unserved := joinOrder(t, h, id)
	watch, stop := h.Watch(id)
	defer stop()
	c.next(t)
	h.Publish(eventAt(id, 3))
	read := make(chan []message, 1)
	go func() { defer close(read); read <- readAll(t, c); c.Close() }()

	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-read; len(got) != 1 || got[0].progress(t).Seq != 3 {
		t.Errorf("got %+v, want what was queued, then the end", got)
	}
	if n := len(drain(watch)); n != 1 {
		t.Errorf("the watch got %d events before it was closed, want 1", n)
	}
	if _, err := h.JoinOrder(id, "ann"); order.CodeOf(err) != order.CodeUnavailable {
		t.Errorf("join after close: %v", err)
	}
	if late, _ := h.Watch(id); len(drain(late)) != 0 {
		t.Error("a watch after close got an event")
	}
	late := serve(t, h, unserved, Opening{}, pipe)
	if _, err := late.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("serve after close: %v", err)
	}
	late.wait(t)
}

func TestCloseCutsOffClientsThatDoNotReadWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	h := NewHub(Config{WriteTimeout: patience})
	c := serve(t, h, joinOrder(t, h, uuid.New()), Opening{}, pipe)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	c.wait(t)
	if n := h.Stats().Streams; n != 0 {
		t.Errorf("%d streams left", n)
	}
}

func TestWatchKeepsTheNewestEvent(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	watch, stop := h.Watch(id)
	for _, seq := range []int64{2, 3, 2} {
		h.Publish(eventAt(id, seq))
	}
	if e := <-watch; e.Seq != 3 {
		t.Errorf("seq %d, want 3", e.Seq)
	}
	stop()
	stop()
	h.Publish(eventAt(id, 4))
	select {
	case e := <-watch:
		t.Errorf("event after the watch ended: %+v", e)
	default:
	}
}

func TestResetEndsWatches(t *testing.T) {
	t.Parallel()
	h := newHub(t, Config{})
	watch, stop := h.Watch(uuid.New())
	h.Reset()
	drain(watch)
	stop()
}

func TestTwoThousandStreamsEachGetTheirEvents(t *testing.T) {
	t.Parallel()
	const streams = 2000
	h := newHub(t, Config{MaxPerUser: streams})
	ids, clients := make([]uuid.UUID, streams), make([]*served, streams)
	for i := range streams {
		ids[i] = uuid.New()
		clients[i] = serve(t, h, joinOrder(t, h, ids[i]), Opening{Events: []order.ProgressEvent{eventAt(ids[i], 1)}}, loopback)
	}
	if n := h.Stats().Streams; n != streams {
		t.Fatalf("%d streams", n)
	}
	var readers sync.WaitGroup
	for i, c := range clients {
		readers.Go(func() {
			got := readAll(t, c)
			if len(got) != 5 || got[4].progress(t) != eventAt(ids[i], 4) {
				t.Errorf("stream %d got %d messages", i, len(got))
			}
			c.Close()
		})
	}
	for seq := int64(2); seq <= 4; seq++ {
		for _, id := range ids {
			h.Publish(eventAt(id, seq))
		}
	}
	readers.Wait()
	for _, c := range clients {
		c.wait(t)
	}
	if got := h.Stats(); got.Streams != 0 || got.Dropped != 0 || got.Sent != 4*streams {
		t.Errorf("stats %+v", got)
	}
}

func drain(ch <-chan order.ProgressEvent) (all []order.ProgressEvent) {
	for e := range ch {
		all = append(all, e)
	}
	return all
}
