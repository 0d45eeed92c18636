package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// dialer dials as go-redis would, with lines that know who is late and notice a
// host that has vanished. What one that is given up has not delivered is given up
// with it: left to the kernel, which sends it again and again, a hold could arrive
// behind its drop.
func dialer(timeout time.Duration, secure *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 3 * time.Second, Count: 3}}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
			conn = fair{tcp}
		}
		if secure == nil {
			return conn, nil
		}
		return handshake(ctx, conn, address, timeout, secure)
	}
}

// handshake makes conn a TLS connection to the host in address.
func handshake(ctx context.Context, conn net.Conn, address string, timeout time.Duration, secure *tls.Config) (net.Conn, error) {
	if secure.ServerName == "" {
		secure = secure.Clone()
		secure.ServerName, _, _ = net.SplitHostPort(address)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	encrypted := tls.Client(conn, secure)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return encrypted, nil
}

// afterwards is how long a read whose time is over looks for what has come.
const afterwards = time.Millisecond

// fair is a connection that does not blame the other end for our own lateness.
// On a machine short of CPU a reply can have come in time, and the goroutine that
// waits for it be woken after its deadline only: then there is something to read.
// It is a TCPConn so that go-redis can look at its socket.
type fair struct{ *net.TCPConn }

// Read reads what has come, also after the deadline.
func (c fair) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.SetReadDeadline(time.Now().Add(afterwards)) != nil {
		return n, err
	}
	if n, late := c.TCPConn.Read(p); n > 0 {
		return n, late
	}
	return 0, err
}
