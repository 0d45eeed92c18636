package api

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// acceptPause is how long a listener waits when the process or the machine has
// nothing left to accept a connection with.
const acceptPause = 50 * time.Millisecond

// unackedTimeout is how long a client may leave unacknowledged what it was sent:
// longer than a network takes to change, shorter than its streams are missed.
const unackedTimeout = 30 * time.Second

// listener accepts connections that framing guards, and goes on after a
// shortage, where fasthttp would stop and end the process with it.
type listener struct {
	net.Listener
	idle time.Duration  // how long a connection may stay unused
	log  zerolog.Logger // at a bounded rate
}

func newListener(l net.Listener, idle time.Duration, log zerolog.Logger) *listener {
	return &listener{l, idle, log.Sample(&zerolog.BurstSampler{Burst: 1, Period: 10 * time.Second})}
}

// Accept returns the next connection. While descriptors or memory are short,
// clients wait in the kernel's queue and what is open is served on.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			return &conn{Conn: c, idle: l.idle}, nil
		}
		if !isShortage(err) {
			return nil, err
		}
		l.log.Error().Err(err).Msg("connections cannot be accepted for now")
		time.Sleep(acceptPause)
	}
}

func isShortage(err error) bool {
	for _, shortage := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, shortage) {
			return true
		}
	}
	return false
}

// conn passes on to fasthttp what framing allows.
type conn struct {
	net.Conn
	framing framing
	refused error         // why nothing more is passed on
	used    bool          // something has come
	idle    time.Duration // how long it may stay unused
}

// Read reads a part of one or more requests. What is wrong is told in the place
// of the request that it is wrong with: fasthttp gets one byte that no request
// begins with, and then the error, for without a byte it would take the
// connection for one that its client has closed, and not answer.
func (c *conn) Read(p []byte) (int, error) {
	if c.refused != nil {
		return 0, c.refused
	}
	n, err := c.read(p)
	good, refused := c.framing.pass(p[:n])
	if refused != nil {
		c.refused = refused
		p[good] = ' '
		return good + 1, nil
	}
	if err != nil && c.framing.idle() {
		err = io.EOF // nobody has asked for anything, so there is nothing to answer
	}
	return n, err
}

// read reads. A connection on which nothing has come yet is as idle as one
// between two requests: browsers and balancers open some ahead.
func (c *conn) read(p []byte) (int, error) {
	if c.used {
		return c.Conn.Read(p)
	}
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, err
	}
	c.used = true
	return n, c.SetReadDeadline(time.Now().Add(readTimeout))
}
