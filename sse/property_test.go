package sse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"order-service/order"
)

// model is an order as the database and the topic know it: events are
// committed first and delivered some time later, in order, now and then twice.
type model struct {
	hub                  *Hub
	id                   uuid.UUID
	committed, delivered int64
	last                 int64 // the final seq
}

func (m *model) event(seq int64) order.ProgressEvent {
	if seq == m.last {
		return order.ProgressEvent{OrderID: m.id, UserID: "ann", Seq: seq, Status: order.Confirmed}
	}
	return unfinished(m.id, seq)
}

func (m *model) commit() { m.committed = min(m.committed+1, m.last) }

func (m *model) deliver() {
	if m.delivered < m.committed {
		m.delivered++
		m.hub.Publish(m.event(m.delivered))
	}
}

// Whatever the order of commits, deliveries, joins and reads, a client sees its
// opening and then every later seq once.
func TestClientSeesEverySeqOnceHoweverStepsInterleave(t *testing.T) {
	t.Parallel()
	h := newHub(t, Config{})
	rapid.Check(t, func(t *rapid.T) {
		m := &model{hub: h, id: uuid.New(), committed: 1, delivered: 1, last: rapid.Int64Range(2, 12).Draw(t, "last")}
		walk := func(label string) {
			for _, step := range rapid.SliceOfN(rapid.IntRange(0, 2), 0, 12).Draw(t, label) {
				switch step {
				case 0:
					m.commit()
				case 1:
					m.deliver()
				case 2:
					h.Publish(m.event(rapid.Int64Range(1, m.delivered).Draw(t, "redelivered")))
				}
			}
		}
		walk("before join")
		s, err := h.JoinOrder(m.id, "ann")
		if err != nil {
			t.Fatal(err)
		}
		walk("before the read")
		has := rapid.Int64Range(0, m.committed).Draw(t, "has")
		opening, first := openingFor(m, has)
		walk("before serve")
		server, client := net.Pipe()
		go h.Serve(server, s, opening)
		read := make(chan []int64, 1)
		go func() { defer client.Close(); read <- seqs(client) }()
		walk("live")
		for m.delivered < m.last {
			m.commit()
			m.deliver()
		}
		if got := <-read; !slices.Equal(got, span(first, m.last)) {
			t.Fatalf("got %v, want %d to %d", got, first, m.last)
		}
	})
}

// openingFor is a snapshot for a new client, or what one that has events up to
// has missed; first is the seq it must see first.
func openingFor(m *model, has int64) (o Opening, first int64) {
	if has == 0 {
		return Opening{Events: []order.ProgressEvent{m.event(m.committed)}}, m.committed
	}
	has = min(has, m.last-1) // a client that has the final event is answered 204
	o.After = has
	for seq := has + 1; seq <= m.committed; seq++ {
		o.Events = append(o.Events, m.event(seq))
	}
	return o, has + 1
}

func TestConcurrentPublishJoinAndResetLoseNothing(t *testing.T) {
	t.Parallel()
	const orders, clients, last = 40, 5, 30
	h := newHub(t, Config{MaxPerUser: orders * clients, Buffer: 10 * last}) // room for what resets repeat
	var work sync.WaitGroup
	for range orders {
		m := &model{hub: h, id: uuid.New(), last: last}
		var committed atomic.Int64
		committed.Store(1)
		read := func(context.Context) ([]order.ProgressEvent, error) {
			return []order.ProgressEvent{m.event(committed.Load())}, nil
		}
		work.Go(func() {
			for seq := int64(2); seq <= last; seq++ {
				committed.Store(seq)
				h.Publish(m.event(seq))
				if rand.IntN(200) == 0 {
					h.Reset()
				}
			}
		})
		for range clients {
			work.Go(func() {
				if err := follow(h, m, read); err != nil {
					t.Error(err)
				}
			})
		}
	}
	work.Wait()
	if n := h.Stats().Dropped; n != 0 {
		t.Errorf("%d streams dropped", n)
	}
}

// follow joins, reads to the end and checks that each stretch from a snapshot
// to the next reset, or to the final event, has every seq once.
func follow(h *Hub, m *model, read func(context.Context) ([]order.ProgressEvent, error)) error {
	s, err := h.JoinOrder(m.id, "ann")
	if err != nil {
		return err
	}
	events, _ := read(context.Background())
	server, client := net.Pipe()
	defer client.Close()
	go h.Serve(server, s, Opening{Events: events, Resnapshot: read})
	got := seqs(client)
	for i, seq := range got {
		if i > 0 && got[i-1] != 0 && seq != 0 && seq != got[i-1]+1 {
			return fmt.Errorf("seq %d follows %d in %v", seq, got[i-1], got)
		}
	}
	if len(got) == 0 || got[len(got)-1] != m.last {
		return fmt.Errorf("the stream ended with %v, want %d", got, m.last)
	}
	return nil
}
