package bus

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A broker that refuses to give a producer its id, as one does while a right is
// missing, has kgo fail for good all that the client is ever given.
func TestRelayPublishesOnceAProducerIsAllowedToWrite(t *testing.T) {
	t.Parallel()
	p := new(porter)
	b, rows := newBus(t, p.into), newOutbox()
	p.shut.Store(true)
	startRelay(t, b, rows, RelayConfig{Lease: 2 * time.Second, Pause: 50 * time.Millisecond})
	batch := rows.commit(newOrders(3), 0)
	eventually(t, "it was refused", func() bool { return p.refused.Load() > 0 })
	err := b.PublishProgress(t.Context(), newOrder().First())
	if err == nil {
		t.Error("an event was published by a producer that is not allowed to")
	}
	p.shut.Store(false)

	eventually(t, "the row is deleted", rows.empty)
	wantPublished(t, b, batch)
	if err := b.PublishProgress(t.Context(), newOrder().First()); err != nil {
		t.Error(err)
	}
}

// porter is a way to the brokers on which, while it is shut, producers are told
// that they may not have an id.
type porter struct {
	shut    atomic.Bool
	refused atomic.Int64
}

func (p *porter) into(cfg *Config) { cfg.Dial = p.dial }

func (p *porter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &guarded{Conn: conn, porter: p, asked: map[uint32]int{}}, err
}

// guarded is one connection past a porter.
type guarded struct {
	net.Conn
	porter *porter

	mu    sync.Mutex
	asked map[uint32]int // correlation ids of requests for an id → where their answer has its error

	answer bytes.Reader // what is left of the answer that is being read
}

// Write is called with one whole request.
func (g *guarded) Write(request []byte) (int, error) {
	const initProducerID, headed, begin = 22, 2, 4 // the version whose header has tags, and the bytes before the header
	if len(request) >= 12 && binary.BigEndian.Uint16(request[begin:]) == initProducerID {
		at := 4 + 4 // after the correlation id and the throttle time
		if binary.BigEndian.Uint16(request[begin+2:]) >= headed {
			at++
		}
		g.mu.Lock()
		g.asked[binary.BigEndian.Uint32(request[begin+4:])] = at
		g.mu.Unlock()
	}
	return g.Conn.Write(request)
}

func (g *guarded) Read(p []byte) (int, error) {
	if g.answer.Len() == 0 {
		var size [4]byte
		if _, err := io.ReadFull(g.Conn, size[:]); err != nil {
			return 0, err
		}
		answer := make([]byte, 4+binary.BigEndian.Uint32(size[:]))
		copy(answer, size[:])
		if _, err := io.ReadFull(g.Conn, answer[4:]); err != nil {
			return 0, err
		}
		g.refuse(answer[4:])
		g.answer.Reset(answer)
	}
	return g.answer.Read(p)
}

func (g *guarded) refuse(answer []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, asked := g.asked[binary.BigEndian.Uint32(answer)]
	if asked && g.porter.shut.Load() {
		binary.BigEndian.PutUint16(answer[at:], uint16(kerr.ClusterAuthorizationFailed.Code))
		g.porter.refused.Add(1)
	}
}
