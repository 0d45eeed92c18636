package sse

import (
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// topic is what a stream is about: one order, or all orders of one user.
type topic struct {
	order uuid.UUID // uuid.Nil when about a user
	user  string
}

func orderTopic(id uuid.UUID) topic { return topic{order: id} }
func userTopic(userID string) topic { return topic{user: userID} }
func (t topic) ofOrder() bool       { return t.order != uuid.Nil }

// shard is a part of the hub's topics, so that joining, publishing and
// sweeping seldom wait for each other. Few streams share a topic, because all
// of them count against one user's limit: slices are the smallest set.
type shard struct {
	mu       sync.Mutex
	streams  map[topic][]*Stream
	watchers map[uuid.UUID][]chan order.ProgressEvent
}

func (s *shard) add(st *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams == nil {
		s.streams = make(map[topic][]*Stream)
	}
	s.streams[st.topic] = append(s.streams[st.topic], st)
}

func (s *shard) remove(st *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(s.streams[st.topic], func(x *Stream) bool { return x == st })
	if len(rest) == 0 {
		delete(s.streams, st.topic)
		return
	}
	s.streams[st.topic] = rest
}

// publish offers e to every stream of t and returns how many there are.
func (s *shard) publish(t topic, e event) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	streams := s.streams[t]
	if len(streams) == 0 {
		return 0
	}
	f := e.frame(t)
	for _, st := range streams {
		st.offer(f)
	}
	return len(streams)
}

// each calls f for every stream under the shard's lock; f must not wait.
func (s *shard) each(f func(*Stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, streams := range s.streams {
		for _, st := range streams {
			f(st)
		}
	}
}

// sweep lets every stream look at the clock and returns those that were joined
// but never served.
func (s *shard) sweep(now time.Time) (abandoned []*Stream) {
	s.each(func(st *Stream) {
		if st.tick(now) {
			abandoned = append(abandoned, st)
		}
	})
	return abandoned
}
