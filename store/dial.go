package store

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// How soon a connection to a host that has vanished, without a FIN, is broken.
// The server is told the same of us (session.go): until it notices, our locks
// stay taken.
const (
	keepAliveIdle     = 5 * time.Second // of silence before the first probe
	keepAliveInterval = 3 * time.Second // between probes
	keepAliveProbes   = 3               // that stay unanswered
	unackedTimeout    = 12 * time.Second
)

// farewell is how long pgx may take to leave a server in order. It would take
// 15 s, in which a connection that has fallen silent fills a place in its pool.
const farewell = 2 * time.Second

// dialer dials lines that must be ready for use within patience.
//
// That is also the bound of the connections over which pgx asks the server to
// cancel a statement, for they are never in use: ready clears it for the others.
func dialer(patience time.Duration) pgconn.DialFunc {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveProbes,
		},
		Control: limitUnacked,
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return line{conn}, conn.SetDeadline(time.Now().Add(patience))
	}
}

// ready ends the time in which a connection had to become ready.
func ready(_ context.Context, conn *pgconn.PgConn) error { return conn.Conn().SetDeadline(time.Time{}) }

// line is a connection that does not linger. What is done in time has a
// context, which sets a deadline only when it ends, so the only deadline in the
// future is that of pgx' farewell.
type line struct{ net.Conn }

// SetDeadline ends reads and writes at t, or after a farewell if that is sooner.
func (l line) SetDeadline(t time.Time) error {
	if soon := time.Now().Add(farewell); t.After(soon) {
		t = soon
	}
	return l.Conn.SetDeadline(t)
}
