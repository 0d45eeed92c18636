package sale

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"order-service/order"
)

// progress is what a buyer learns of an order, from its stream or its page.
type progress struct {
	Seq        int64
	Status     order.Status
	PaymentURL string
}

// watch follows one order. It stays open from one until to the next.
type watch struct {
	client
	path  string // of the order
	polls bool   // rather than to stream
	last  progress

	stream io.Closer // nil: not open
	lines  *bufio.Scanner
}

func (w *watch) close() {
	if w.stream != nil {
		_ = w.stream.Close()
		w.stream = nil
	}
}

// until returns the order's progress as soon as done accepts it. A stream that
// breaks is opened again where it ended, as EventSource does.
func (w *watch) until(ctx context.Context, done func(progress) bool) (progress, error) {
	for !done(w.last) {
		if err := w.next(ctx); err != nil {
			if err := w.pause(ctx, time.Second); err != nil {
				return w.last, err
			}
		}
	}
	return w.last, nil
}

// next waits for the order to change. An error is worth another try.
func (w *watch) next(ctx context.Context) error {
	if w.polls {
		return w.poll(ctx)
	}
	if w.stream == nil {
		if err := w.openStream(ctx); err != nil {
			return w.poll(ctx) // no stream is to be had, or it had nothing more to tell
		}
	}
	if err := w.read(); err != nil {
		w.close()
		return err
	}
	return nil
}

// poll is a long poll: it returns at the next change, or after a while.
func (w *watch) poll(ctx context.Context) error {
	a, err := w.send(ctx, http.MethodGet, w.base+w.path+"?wait=20s", nil, "If-None-Match", fmt.Sprintf("%q", strconv.FormatInt(w.last.Seq, 10)))
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotModified:
		return nil
	case a.status != http.StatusOK:
		return unexpected("poll", a)
	}
	return json.Unmarshal(a.body, &w.last)
}

func (w *watch) openStream(ctx context.Context) error {
	headers := []string{"Accept", "text/event-stream"}
	if w.last.Seq > 0 {
		headers = append(headers, "Last-Event-ID", strconv.FormatInt(w.last.Seq, 10))
	}
	resp, err := w.open(ctx, http.MethodGet, w.base+w.path+"/events", nil, headers...)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return unexpected("stream", answer{status: resp.StatusCode})
	}
	w.stream, w.lines = resp.Body, bufio.NewScanner(resp.Body)
	return nil
}

// read returns after the next event of the stream, io.EOF at its end. Of the
// fields only data matters: every event that has one of ours is a progress.
func (w *watch) read() error {
	for w.lines.Scan() {
		data, found := strings.CutPrefix(w.lines.Text(), "data:")
		if !found {
			continue
		}
		next := w.last
		if err := json.Unmarshal([]byte(data), &next); err != nil {
			return err
		}
		w.last = next
		return nil
	}
	if err := w.lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
