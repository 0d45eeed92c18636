package sse

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// arrival is a message and when it came.
type arrival struct {
	message
	after time.Duration
}

// record reads a stream to its end inside a synctest bubble.
func record(t *testing.T, o func(start time.Time) Opening) []arrival {
	t.Helper()
	var all []arrival
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{})
		start := time.Now()
		s, err := h.JoinOrder(uuid.New(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		c := serve(t, h, s, o(start), pipe)
		for {
			m, err := readMessage(c.reader)
			if err != nil {
				break
			}
			all = append(all, arrival{m, time.Since(start)})
		}
		c.wait(t)
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return all
}

func TestQuietStreamGetsACommentEveryFifteenSecondsAndAWarningBeforeItsTokenEnds(t *testing.T) {
	t.Parallel()
	const life = 100 * time.Second
	var beats []time.Duration
	var reauth, end time.Duration
	for _, a := range record(t, func(start time.Time) Opening { return Opening{ExpiresAt: start.Add(life)} }) {
		end = a.after
		switch {
		case a.comment:
			beats = append(beats, a.after)
		case a.event == "reauth":
			reauth = a.after
		}
	}
	if len(beats) < 6 || beats[0] > 16*time.Second {
		t.Fatalf("heartbeats at %v, want one every 15 s", beats)
	}
	for i := range beats[1:] {
		if gap := beats[i+1] - beats[i]; gap < 14*time.Second || gap > 17*time.Second {
			t.Errorf("heartbeats %v apart", gap)
		}
	}
	if reauth < life-reauthBefore || reauth > life-reauthBefore+2*sweepEvery {
		t.Errorf("reauth after %v", reauth)
	}
	if end >= life+sweepEvery {
		t.Errorf("last message after %v, past the token's end", end)
	}
}

func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{})
		s := joinOrder(t, h, uuid.New())
		start := time.Now()
		c := serve(t, h, s, Opening{ExpiresAt: start.Add(time.Minute)}, pipe)
		readAll(t, c)
		if life := time.Since(start); life < time.Minute || life > time.Minute+2*sweepEvery {
			t.Errorf("the stream lived %v, its token a minute", life)
		}
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestJoinWithoutServeIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Config{})
		s := joinOrder(t, h, uuid.New())
		time.Sleep(abandonedAfter - time.Second)
		if n := h.Stats().Streams; n != 1 {
			t.Errorf("%d streams while the handler may still be at work", n)
		}
		time.Sleep(3 * time.Second)
		if n := h.Stats().Streams; n != 0 {
			t.Errorf("%d streams left", n)
		}
		server, client := net.Pipe()
		h.Serve(server, s, Opening{}) // too late: returns at once
		client.Close()
		if err := h.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// halfCloser is a pipe whose write side can be closed, as a TCP connection's.
type halfCloser struct {
	net.Conn
	closed chan struct{}
}

func (c halfCloser) CloseWrite() error { close(c.closed); return nil }

// Closing at once would make TCP answer what the client still sends with a
// reset, which throws away the last events that it has not read yet.
func TestFinishedStreamWaitsAMomentForItsClientToClose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		clientCloses bool
		want         time.Duration
	}{"client closes": {true, 0}, "client does not": {false, linger}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, id := NewHub(Config{}), uuid.New()
				server, client := net.Pipe()
				half := halfCloser{server, make(chan struct{})}
				finished := serve(t, h, joinOrder(t, h, id), Opening{Events: []order.ProgressEvent{eventAt(id, 4)}},
					func(testing.TB) (net.Conn, net.Conn) { return half, client })
				finished.next(t)
				<-half.closed
				start := time.Now()
				synctest.Wait()
				if h.Stats().Streams != 1 {
					t.Error("the stream did not wait")
				}
				if c.clientCloses {
					client.Close()
				}
				<-finished.done
				if waited := time.Since(start); waited != c.want {
					t.Errorf("the stream waited %v, want %v", waited, c.want)
				}
				if err := h.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
