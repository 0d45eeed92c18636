package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// stream is a client of one order's events.
type stream struct {
	t     *testing.T
	open  func(lastEventID string) io.ReadCloser
	ctx   context.Context // of all requests
	body  io.ReadCloser
	lines *bufio.Scanner
	stop  context.CancelFunc
	seq   int64 // of the last event

	last   string // id of the last event since a reset
	final  bool   // whether that says how the order ended
	breaks int
	places []int64 // in the line, as told
}

// mostBreaks is how often a service may break off a stream before its order has
// ended, as one does that is stopped for seconds and takes its client for slow.
const mostBreaks = 3

// watch opens the order's event stream, after lastEventID unless that is "". As a
// browser does, it tries again when a busy service says that it cannot now.
func (b *buyer) watch(id uuid.UUID, lastEventID string) *stream {
	b.shop.t.Helper()
	s := &stream{t: b.shop.t, last: lastEventID}
	s.ctx, s.stop = context.WithCancel(b.shop.t.Context())
	s.open = func(lastEventID string) io.ReadCloser {
		s.t.Helper()
		defer time.AfterFunc(patience, s.stop).Stop()
		return b.listen(s.ctx, id, lastEventID)
	}
	s.t.Cleanup(s.stop)
	s.body = s.open(lastEventID)
	s.lines = bufio.NewScanner(s.body)
	s.t.Cleanup(s.close)
	return s
}

func (b *buyer) listen(ctx context.Context, id uuid.UUID, lastEventID string) io.ReadCloser {
	b.shop.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.shop.url+"/orders/"+id.String()+"/events", nil)
	if err != nil {
		b.shop.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Accept", "text/event-stream")
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	resp, err := http.DefaultClient.Do(req)
	for err == nil && resp.StatusCode == http.StatusServiceUnavailable {
		resp.Body.Close()
		time.Sleep(100 * time.Millisecond)
		resp, err = http.DefaultClient.Do(req)
	}
	if err != nil {
		b.shop.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		b.shop.t.Fatalf("the stream answered %s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	return resp.Body
}

func (s *stream) close() {
	s.stop()
	_ = s.body.Close()
}

// until reads events until one has status and returns it. After the first one,
// none may be missing, repeated or out of order.
func (s *stream) until(want order.Status) order.ProgressEvent {
	s.t.Helper()
	for {
		e, ok := s.more()
		if !ok {
			s.t.Fatalf("the stream ended before %s: %v", want, s.lines.Err())
		}
		if s.seq != 0 && e.Seq != s.seq+1 {
			s.t.Fatalf("event %d (%s) follows event %d", e.Seq, e.Status, s.seq)
		}
		s.seq = e.Seq
		if e.Status == want {
			return e
		}
		if e.Status.Final() {
			s.t.Fatalf("the order ended %s %s, want %s", e.Status, e.Reason, want)
		}
	}
}

// ends fails the test unless the service closes the stream without a word more.
func (s *stream) ends() {
	s.t.Helper()
	if e, ok := s.next(); ok {
		s.t.Fatalf("event %d (%s) after the final one", e.Seq, e.Status)
	}
	if err := s.lines.Err(); err != nil {
		s.t.Fatalf("the stream did not end: %v", err)
	}
}

// more is next for whoever opens the stream again when it breaks, as browsers do:
// false once the order has ended.
func (s *stream) more() (e order.ProgressEvent, ok bool) {
	s.t.Helper()
	for e, ok = s.next(); !ok && !s.final && s.breaks < mostBreaks && s.ctx.Err() == nil; e, ok = s.next() {
		s.breaks++
		s.t.Logf("the stream broke after event %q: %v", s.last, s.lines.Err())
		_ = s.body.Close()
		s.body = s.open(s.last)
		s.lines = bufio.NewScanner(s.body)
	}
	return e, ok
}

// next returns the next progress event, false at the end of the stream.
func (s *stream) next() (e order.ProgressEvent, ok bool) {
	s.t.Helper()
	for {
		event, id, data, ok := s.read()
		switch {
		case !ok:
			return e, false
		case event == "position":
			s.placed(id, data)
		case event == "reset": // what was told so far is replaced by a snapshot
			s.seq, s.last = 0, ""
		case event != "progress":
			s.t.Fatalf("unexpected event %q: %s", event, data)
		default:
			return s.progress(id, data), true
		}
	}
}

// place reads events until a place in the line is told, and nothing else may be.
func (s *stream) place() {
	s.t.Helper()
	event, id, data, ok := s.read()
	if !ok || event != "position" {
		s.t.Fatalf("no place is told, but %q: %s; %v", event, data, s.lines.Err())
	}
	s.placed(id, data)
}

// read returns the next event of any kind, false at the end of the stream, and
// where none comes in patience.
func (s *stream) read() (event, id, data string, ok bool) {
	defer time.AfterFunc(patience, s.stop).Stop()
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			event = value
		case "id":
			id = value
		case "data":
			data = value
		}
		if s.lines.Text() == "" && data != "" {
			return event, id, data, true
		}
	}
	return "", "", "", false
}

func (s *stream) progress(id, data string) (e order.ProgressEvent) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		s.t.Fatalf("%v in %q", err, data)
	}
	if id != strconv.FormatInt(e.Seq, 10) {
		s.t.Fatalf("event %d has id %q", e.Seq, id)
	}
	s.last, s.final = id, e.Status.Final()
	return e
}

// placed keeps a place in the line, which may not grow.
func (s *stream) placed(id, data string) {
	s.t.Helper()
	var place struct{ Position *int64 }
	if err := json.Unmarshal([]byte(data), &place); err != nil || place.Position == nil || id != "" {
		s.t.Fatalf("%v in position %q with id %q", err, data, id)
	}
	if n := len(s.places); n > 0 && *place.Position > s.places[n-1] {
		s.t.Fatalf("sent back in the line from %d to %d", s.places[n-1], *place.Position)
	}
	s.places = append(s.places, *place.Position)
}
