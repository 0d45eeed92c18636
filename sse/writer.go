package sse

import (
	"errors"
	"net"
	"os"
	"time"
)

// write is the writer goroutine: it runs while there is something to write.
func (s *Stream) write() {
	defer s.hub.recover(s.abort)
	for batch := s.next(); batch != nil; batch = s.next() {
		if err := s.send(batch); err != nil {
			s.lost(err)
			return
		}
	}
}

// next takes the queue, or ends the writer when it is empty.
func (s *Stream) next() net.Buffers {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == gone || len(s.queue) == 0 {
		s.writing = false
		if s.state == ending {
			s.shutdown()
		}
		return nil
	}
	batch := s.queue
	s.queue = nil
	return batch
}

func (s *Stream) send(batch net.Buffers) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.hub.cfg.WriteTimeout)); err != nil {
		return err
	}
	_, err := batch.WriteTo(s.conn)
	return err
}

// lost ends the stream after a failed write: the client was too slow, or has
// gone and the reader knows already.
func (s *Stream) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.drop()
		return
	}
	s.cut()
}
