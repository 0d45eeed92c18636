package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"order-service/devstack/load/engine"
	"order-service/order"
)

// audience is buyers who watch an order each by server-sent events.
type audience struct {
	client *http.Client
	url    string
	door   chan struct{} // a place for each stream that is being opened
	all    sync.WaitGroup

	snapshot engine.Histogram // from asking until the first event was read
	late     engine.Histogram // from a change until it was read, by the clocks of two machines
	opened   atomic.Int64
	broken   atomic.Int64

	mu      sync.Mutex
	refused map[string]int64
}

// audienceReport is how the audience fared.
type audienceReport struct {
	Asked    int              `json:"asked"` // for a stream
	Opened   int64            `json:"opened"`
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

// seat has the owners of the first n receipts watch their orders until ctx ends.
func (s *session) seat(ctx context.Context, n int) *audience {
	a := s.newAudience()
	for i := range n {
		r := s.receipts.at(i)
		a.all.Go(func() { a.watch(ctx, r.order.String(), s.tokens[r.buyer]) })
	}
	return a
}

// watch follows one order until it is final, or ctx ends.
func (a *audience) watch(ctx context.Context, id, token string) {
	a.door <- struct{}{}
	asked := time.Now()
	stream, err := a.open(ctx, id, token)
	<-a.door
	if err != nil {
		a.turnAway(ctx, err)
		return
	}
	defer stream.Close()
	a.opened.Add(1)
	if final := a.read(stream, asked); !final && ctx.Err() == nil {
		a.broken.Add(1)
	}
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

// turnAway counts a stream that was not opened, unless the run is over.
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
	a.client.CloseIdleConnections()
	return &audienceReport{
		Asked: asked, Opened: a.opened.Load(), Refused: a.refused, Broken: a.broken.Load(),
		Snapshot: spreadOf(&a.snapshot), Changes: spreadOf(&a.late),
	}
}
