package saga

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// readGap is the time between two reads from Temporal while answers come
	// often, oftenReads of them within as much time. One buyer alone brings fewer
	// than that, and waits for nothing.
	readGap    = 20 * time.Millisecond
	oftenReads = 7
	// answerWindow is how many bytes of a call's answer Temporal may send ahead. Where
	// none is given, gRPC looks for the best one by a ping for every answer.
	answerWindow = 1 << 20
)

// connected are the options for lines to Temporal.
func connected(security *tls.Config) []grpc.DialOption {
	creds := insecure.NewCredentials()
	if security != nil {
		creds = credentials.NewTLS(security)
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(coalescing{creds}),
		grpc.WithInitialWindowSize(answerWindow), grpc.WithInitialConnWindowSize(4 * answerWindow),
	}
}

// coalescing are credentials whose connections are coalesced. A dialer of our own
// would do as well, but gRPC passes proxies by where there is one.
type coalescing struct {
	credentials.TransportCredentials
}

// ClientHandshake coalesces what is below TLS.
func (c coalescing) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c.TransportCredentials.ClientHandshake(ctx, authority, &coalesced{Conn: conn})
}

// Clone implements credentials.TransportCredentials.
func (c coalescing) Clone() credentials.TransportCredentials {
	return coalescing{c.TransportCredentials.Clone()}
}

// coalesced reads what comes in rapid succession in one go, as network cards do
// with packets (interrupt coalescing). Temporal takes milliseconds for each of a
// thousand small answers, and a worker that is woken for each has its caches and
// its threads to warm up again every time.
type coalesced struct {
	net.Conn
	often   bool      // answers come so often that it waits for more
	since   time.Time // when the first of these reads was
	reads   int
	emptied time.Time // when a read last took all that was there; zero: the last one did not
}

// Read may wait before it reads, but not after: what it has read it returns.
func (c *coalesced) Read(p []byte) (int, error) {
	waits := c.often && !c.emptied.IsZero()
	if waits {
		time.Sleep(readGap - time.Since(c.emptied))
	}
	asked := time.Now()
	n, err := c.Conn.Read(p)
	now := time.Now()
	switch c.emptied = now; {
	case n == len(p):
		c.emptied = time.Time{}
	case waits:
		c.often = now.Sub(asked) < readGap // or nothing came for twice as long
	case now.Sub(c.since) >= readGap:
		c.since, c.reads = now, 1
	default:
		c.reads++
		c.often = c.reads >= oftenReads
	}
	return n, err
}
