package engine

import (
	"errors"
	"net"
	"os"
	"time"
)

// conn is one connection with the request that is under way on it. It belongs
// to the goroutine that reads from it; what an open loop's timekeeper touches
// as well is changed under the loop's lock only.
type conn struct {
	run *Run
	net net.Conn // under the lock

	in   []byte
	have int // bytes of in that were read
	out  []byte

	busy bool          // a request was given to it; under the lock
	now  arrival       // which; under the lock
	sent time.Duration // since the run began; under the lock
}

// take gives c a request and returns the connection to write it to. That may
// be closed and replaced before the write, which is then the end of the request.
func (c *conn) take(a arrival) net.Conn {
	c.busy, c.now, c.sent = true, a, c.run.now()
	return c.net
}

// send writes the n-th request by means of buf, which it returns. An error is
// left to who reads the answer.
func (r *Run) send(to net.Conn, n uint64, buf []byte) []byte {
	buf = r.cfg.Write(n, buf[:0])
	r.sent.Add(1)
	if _, err := to.Write(buf); err != nil {
		to.Close()
	}
	return buf
}

const readSize = 4 << 10

// receive reads one answer. It is good until the next call.
func (c *conn) receive() (Answer, error) {
	for {
		if c.have > 0 {
			a, _, err := parse(c.in[:c.have])
			if !errors.Is(err, errIncomplete) {
				c.have = 0 // nothing follows: the next request was not sent yet
				return a, err
			}
		}
		if c.have == len(c.in) {
			if len(c.in) >= maxAnswer {
				return Answer{}, errNotHTTP
			}
			c.in = append(c.in, make([]byte, max(readSize, len(c.in)))...)
		}
		n, err := c.net.Read(c.in[c.have:])
		if c.have += n; err != nil {
			return Answer{}, err
		}
	}
}

// count notes the answer to the request that was under way.
func (c *conn) count(a Answer) {
	now := c.run.now()
	c.run.Tally.count(a.Status, a.Problem(), now-c.now.due, now-c.sent)
	if c.run.cfg.Read != nil {
		c.run.cfg.Read(c.now.n, a)
	}
}

// countBroken notes that there is no answer.
func (c *conn) countBroken(err error) {
	now := c.run.now()
	c.run.Tally.count(0, why(err), now-c.now.due, now-c.sent)
}

// why names the reason that a connection broke.
func why(err error) []byte {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return []byte("no-answer")
	case errors.Is(err, errNotHTTP), errors.Is(err, errUnframed):
		return []byte("not-http")
	default:
		return []byte("connection-broken")
	}
}

// hurry bounds the wait for an answer under way.
func (c *conn) hurry() {
	_ = c.net.SetDeadline(time.Now().Add(grace)) // it fails on a broken connection, which nobody waits for
}
