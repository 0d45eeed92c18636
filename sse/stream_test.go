package sse

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
)

func TestOrderStreamSendsSnapshotThenLiveEventsAndEndsAfterTheFinalOne(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	s := joinOrder(t, h, id)
	h.Publish(eventAt(id, 2)) // held; the snapshot has it already
	h.Publish(eventAt(id, 3)) // held; news
	c := serve(t, h, s, Opening{Events: []order.ProgressEvent{eventAt(id, 2)}}, loopback)
	h.Publish(eventAt(id, 4))

	got := readAll(t, c)
	c.wait(t)
	retry, err := strconv.Atoi(got[0].retry)
	if err != nil || retry < 1000 || retry > 4000 {
		t.Errorf("retry = %q, want 1000 to 4000", got[0].retry)
	}
	if len(got) != 4 {
		t.Fatalf("got %d messages, want retry and 3 events: %+v", len(got), got)
	}
	for i, m := range got[1:] {
		seq := int64(i + 2)
		if e := m.progress(t); e != eventAt(id, seq) || m.id != strconv.FormatInt(seq, 10) {
			t.Errorf("message %d: id %q, %+v", i, m.id, e)
		}
	}
}

func TestUserStreamIdentifiesTheOrderAndOutlivesFinalOrders(t *testing.T) {
	t.Parallel()
	h, first, second := newHub(t, Config{}), uuid.New(), uuid.New()
	s, err := h.JoinUser("ann")
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, h, s, Opening{Events: []order.ProgressEvent{eventAt(first, 4)}}, pipe)
	other := eventAt(uuid.New(), 2)
	other.UserID = "bob"
	go func() {
		h.Publish(other)
		h.Publish(eventAt(second, 2))
	}()
	if m := c.next(t); m.id != first.String()+":4" {
		t.Errorf("id %q, want the first order's", m.id)
	}
	if m := c.next(t); m.id != second.String()+":2" {
		t.Errorf("id %q, want the second order's", m.id)
	}
}

func TestReconnectIsNotSentAgainWhatItHas(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	s := joinOrder(t, h, id)
	h.Publish(eventAt(id, 3))
	c := serve(t, h, s, Opening{After: 3}, pipe)
	go h.Publish(eventAt(id, 4))
	if e := c.next(t).progress(t); e.Seq != 4 {
		t.Errorf("first event after reconnecting has seq %d, want 4", e.Seq)
	}
}

func TestStrangeLastEventIDIsAnsweredWithResetFirst(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	c := serve(t, h, joinOrder(t, h, id), Opening{Reset: true, Events: []order.ProgressEvent{eventAt(id, 4)}}, loopback)
	got := readAll(t, c)
	if len(got) != 3 || got[1].event != "reset" || got[1].data == "" || got[2].progress(t).Seq != 4 {
		t.Errorf("got %+v, want retry, reset with data, snapshot", got)
	}
}

func TestClientThatLeavesIsRemovedAtOnce(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string]func(testing.TB) (net.Conn, net.Conn){"pipe": pipe, "tcp": loopback} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, Config{})
			c := serve(t, h, joinOrder(t, h, uuid.New()), Opening{}, pair)
			if _, err := readMessage(c.reader); err != nil {
				t.Fatal(err)
			}
			c.Close()
			c.wait(t)
			if n := h.Stats().Streams; n != 0 {
				t.Errorf("%d streams left", n)
			}
		})
	}
}

func TestWhatAClientSendsIsIgnored(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	c := serve(t, h, joinOrder(t, h, id), Opening{}, loopback)
	if _, err := c.Write(bytes.Repeat([]byte("GET / HTTP/1.1\r\n\r\n"), 100)); err != nil {
		t.Fatal(err)
	}
	h.Publish(eventAt(id, 4))
	if e := c.next(t).progress(t); e.Seq != 4 {
		t.Errorf("seq %d, want 4", e.Seq)
	}
}

func TestSlowClientIsCutOffAndOthersAreNot(t *testing.T) {
	t.Parallel()
	const events = 64
	h, id := newHub(t, Config{Buffer: 4}), uuid.New()
	slow := serve(t, h, joinOrder(t, h, id), Opening{}, pipe) // nobody reads: its first write blocks
	quick := serve(t, h, joinOrder(t, h, id), Opening{}, pipe)
	if _, err := readMessage(quick.reader); err != nil {
		t.Fatal(err)
	}
	for seq := int64(2); seq < events; seq++ {
		h.Publish(unfinished(id, seq))
		if e := quick.next(t).progress(t); e.Seq != seq {
			t.Fatalf("the quick client got seq %d, want %d", e.Seq, seq)
		}
	}
	slow.wait(t)
	if got := h.Stats(); got.Streams != 1 || got.Dropped != 1 {
		t.Errorf("stats %+v, want 1 stream and 1 dropped", got)
	}
}

func TestClientThatReadsNothingIsCutOffByTheWriteTimeout(t *testing.T) {
	t.Parallel()
	h := newHub(t, Config{WriteTimeout: 20 * time.Millisecond})
	c := serve(t, h, joinOrder(t, h, uuid.New()), Opening{}, pipe)
	c.wait(t)
	if got := h.Stats(); got.Streams != 0 || got.Dropped != 1 {
		t.Errorf("stats %+v, want no stream and 1 dropped", got)
	}
}

func TestEventsBeyondTheBufferBeforeServeEndTheStream(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{Buffer: 2}), uuid.New()
	s := joinOrder(t, h, id)
	for seq := int64(2); seq < 6; seq++ {
		h.Publish(unfinished(id, seq))
	}
	c := serve(t, h, s, Opening{Events: []order.ProgressEvent{eventAt(id, 2)}}, pipe)
	if got, err := io.ReadAll(c); err != nil || len(got) > 0 {
		t.Errorf("read %q, %v; want nothing rather than a gap", got, err)
	}
	c.wait(t)
}

func TestFinalEventIsWrittenAlthoughAResetCameJustBefore(t *testing.T) {
	t.Parallel()
	h, id := newHub(t, Config{}), uuid.New()
	s := joinOrder(t, h, id)
	c := serve(t, h, s, Opening{}, pipe)
	if _, err := readMessage(c.reader); err != nil {
		t.Fatal(err)
	}
	e, err := encode(eventAt(id, 4))
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock() // both before the reader can look
	s.reset = true
	s.interrupt()
	s.accept(e.frame(s.topic))
	s.mu.Unlock()
	time.Sleep(10 * time.Millisecond) // for the reader to look; too short a time only makes the test pass
	if got := c.next(t).progress(t); got.Seq != 4 {
		t.Errorf("got %+v, want the final event", got)
	}
}

func TestPanicWhileReadingASnapshotEndsOnlyThatStream(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := NewHub(Config{Log: zerolog.New(&log)})
	id := uuid.New()
	broken := serve(t, h, joinOrder(t, h, id), Opening{
		Resnapshot: func(context.Context) ([]order.ProgressEvent, error) { panic("boom") },
	}, loopback)
	h.Reset()
	broken.wait(t)
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "boom") {
		t.Errorf("log %q does not tell of the panic", log.String())
	}
}

func TestFramesShareOneEncoding(t *testing.T) {
	t.Parallel()
	e, err := encode(eventAt(uuid.New(), 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []topic{orderTopic(e.OrderID), userTopic("ann")} {
		f := e.frame(topic)
		m, err := readMessage(bufio.NewReader(bytes.NewReader(f.data)))
		if err != nil || m.data != string(e.json) || cap(f.data) < len(f.data) {
			t.Errorf("%+v: %v", m, err)
		}
	}
}
