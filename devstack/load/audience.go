package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"order-service/devstack/load/engine"
	"order-service/order"
	"order-service/retry"
)

// audience is buyers who watch an order each by server-sent events.
type audience struct {
	client *http.Client
	url    string
	door   chan struct{} // a place for each stream that is opened for the first time
	seated sync.WaitGroup
	all    sync.WaitGroup

	snapshot engine.Histogram // from asking until the first event was read
	late     engine.Histogram // from a change until it was read, by the clocks of two machines
	opened   atomic.Int64
	broken   atomic.Int64

	mu      sync.Mutex
	refused map[string]int64
	act     context.Context // until the next storm
	end     context.CancelFunc
	storms  int
}

// audienceReport is how the audience fared.
type audienceReport struct {
	Asked    int              `json:"asked"` // for a stream
	Opened   int64            `json:"opened"`
	Storms   int              `json:"storms,omitempty"`
	Refused  map[string]int64 `json:"refused,omitempty"` // by reason
	Broken   int64            `json:"broken"`            // during the run, with the order still open
	Snapshot spread           `json:"snapshot"`          // until the first event
	Changes  spread           `json:"changes"`           // of an order, until they were seen
}

const openedAtOnce = 32

func (s *session) newAudience() *audience {
	return &audience{
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: s.target.tls.Clone()}},
		url:    s.target.url, door: make(chan struct{}, openedAtOnce), refused: map[string]int64{},
	}
}

// seat has the owners of the first n receipts watch their orders until ctx ends,
// and returns once each has been answered.
func (s *session) seat(ctx context.Context, n int) *audience {
	a := s.newAudience()
	a.act, a.end = context.WithCancel(ctx)
	a.seated.Add(n)
	for i := range n {
		r := s.receipts.at(i)
		a.all.Go(func() { a.follow(ctx, r.order.String(), s.tokens[r.buyer]) })
	}
	a.seated.Wait()
	if s.opts.Storms > 0 {
		a.all.Go(func() { a.storm(ctx, s.opts.Storms) })
	}
	return a
}

// follow watches one order until it is final, or ctx ends, and after a storm
// again.
func (a *audience) follow(ctx context.Context, id, token string) {
	a.door <- struct{}{}
	answered := sync.OnceFunc(func() { <-a.door; a.seated.Done() })
	for !a.watch(a.current(), id, token, answered) && a.comeBack(ctx) {
	}
}

// comeBack waits as long as a browser does with the service's retry. It reports
// false when there will be nothing to come back to.
func (a *audience) comeBack(ctx context.Context) bool {
	return retry.Sleep(ctx, time.Second+rand.N(3*time.Second))
}

// storm ends all streams at once, again and again.
func (a *audience) storm(ctx context.Context, every time.Duration) {
	clock := time.NewTicker(every)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
			a.mu.Lock()
			end := a.end
			a.act, a.end = context.WithCancel(ctx)
			a.storms++
			a.mu.Unlock()
			end()
		}
	}
}

func (a *audience) current() context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.act
}

// watch opens a stream and takes it in to the end of the act. It reports whether
// there is nothing more to see: the order is final, or the service refused the
// stream or broke it off.
func (a *audience) watch(act context.Context, id, token string, answered func()) (over bool) {
	asked := time.Now()
	stream, err := a.open(act, id, token)
	answered()
	if err != nil {
		a.turnAway(act, err)
		return act.Err() == nil
	}
	defer stream.Close()
	a.opened.Add(1)
	final := a.read(stream, asked)
	if !final && act.Err() == nil {
		a.broken.Add(1)
		return true
	}
	return final
}

func (a *audience) open(ctx context.Context, id, token string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/orders/"+id+"/events", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, errors.New("connection broken")
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("answered %d", resp.StatusCode)
	}
	return resp.Body, nil
}

// turnAway counts a stream that was not opened, unless the act is over.
func (a *audience) turnAway(ctx context.Context, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() == nil {
		a.refused[err.Error()]++
	}
}

// read takes the stream in to its end. Its first event is the snapshot.
func (a *audience) read(stream io.Reader, asked time.Time) (final bool) {
	lines := bufio.NewScanner(stream)
	for first := true; lines.Scan(); {
		e, found := progress(lines.Bytes())
		if !found {
			continue
		}
		if first {
			a.snapshot.Record(time.Since(asked))
		} else {
			a.late.Record(max(time.Since(e.OccurredAt.Time), 0))
		}
		first, final = false, e.Status.Final()
	}
	return final
}

// progress is what a line of a stream says of its order. A comment, or an event
// about something else, says nothing.
func progress(line []byte) (e order.ProgressEvent, found bool) {
	data, found := bytes.CutPrefix(line, []byte("data:"))
	return e, found && json.Unmarshal(data, &e) == nil && e.Status != ""
}

// leave waits until everybody has left, which the end of their context makes
// them do, and reports.
func (a *audience) leave(asked int) *audienceReport {
	a.all.Wait()
	a.end()
	a.client.CloseIdleConnections()
	return &audienceReport{
		Asked: asked, Opened: a.opened.Load(), Storms: a.storms, Refused: a.refused, Broken: a.broken.Load(),
		Snapshot: spreadOf(&a.snapshot), Changes: spreadOf(&a.late),
	}
}
