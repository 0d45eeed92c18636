package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"order-service/order"
	"order-service/sse"
)

// streamPatience is how long these tests wait for what must happen.
const streamPatience = 20 * time.Second

// streamServer is a Fiber app on loopback with one event stream, of the order
// id, and one ordinary route. Each served stream that ends is told in ended.
type streamServer struct {
	app   *fiber.App
	hub   *sse.Hub
	addr  string
	id    uuid.UUID
	ended chan struct{}
}

func newStreamServer(t *testing.T, keepHijacked bool) *streamServer {
	t.Helper()
	s := &streamServer{
		app: fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: streamPatience, WriteTimeout: streamPatience}),
		hub: sse.NewHub(sse.Config{Log: zerolog.Nop(), MaxPerUser: 100}),
		id:  uuid.New(), ended: make(chan struct{}, 100),
	}
	s.app.Server().KeepHijackedConns = keepHijacked
	s.app.Use(cors.New(cors.Config{AllowOrigins: "https://shop.example", AllowCredentials: true}))
	s.app.Use(func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
		return c.Next()
	})
	s.app.Get("/plain", func(c *fiber.Ctx) error { return c.SendString("plain") })
	s.app.Get("/events", s.events)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(listener) }()
	t.Cleanup(func() {
		s.stop(t)
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// inBothModes runs test with fasthttp closing hijacked connections and without.
func inBothModes(t *testing.T, test func(*testing.T, *streamServer)) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("KeepHijackedConns=%t", keep), func(t *testing.T) {
			t.Parallel()
			test(t, newStreamServer(t, keep))
		})
	}
}

func (s *streamServer) events(c *fiber.Ctx) error {
	stream, err := s.hub.JoinOrder(s.id, "ann")
	if err != nil {
		return err
	}
	opening := sse.Opening{Events: []order.ProgressEvent{{OrderID: s.id, Seq: 1, Status: order.Pending}}}
	err = hijackStream(c, func(conn net.Conn) {
		s.hub.Serve(conn, stream, opening)
		s.ended <- struct{}{}
	})
	if err != nil {
		stream.Leave()
	}
	return err
}

func (s *streamServer) publish(seq int64) {
	s.hub.Publish(order.ProgressEvent{OrderID: s.id, UserID: "ann", Seq: seq, Status: order.PaymentPending})
}

// stop ends the streams before the server, as the process does.
func (s *streamServer) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), streamPatience)
	defer cancel()
	if err := s.hub.Close(ctx); err != nil {
		t.Errorf("close hub: %v", err)
	}
	if err := s.app.ShutdownWithContext(ctx); err != nil {
		t.Errorf("shut down: %v", err)
	}
}

func (s *streamServer) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(streamPatience):
		t.Fatal("the stream has not ended")
	}
}

// rawClient is a connection that speaks HTTP by hand.
type rawClient struct {
	net.Conn
	r *bufio.Reader
}

func (s *streamServer) dial(t *testing.T) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rawClient{conn, bufio.NewReader(conn)}
}

func (c *rawClient) request(t *testing.T, method, path, extra string) *http.Response {
	t.Helper()
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\nOrigin: https://shop.example\r\n%s", method, path, extra+"\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// expectSeq reads up to the event with this id, and no further.
func expectSeq(t *testing.T, body io.Reader, seq int64) {
	t.Helper()
	var got strings.Builder
	want := fmt.Sprintf("event: progress\nid: %d\ndata: ", seq)
	for b := make([]byte, 1); !strings.Contains(got.String(), want); {
		if _, err := io.ReadFull(body, b); err != nil {
			t.Fatalf("after %q: %v", got.String(), err)
		}
		got.Write(b)
	}
}

func TestStreamHasTheHeadersOfEveryResponseAndItsOwn(t *testing.T) {
	t.Parallel()
	inBothModes(t, streamHasTheHeadersOfEveryResponseAndItsOwn)
}

func streamHasTheHeadersOfEveryResponseAndItsOwn(t *testing.T, s *streamServer) {
	response := s.dial(t).request(t, http.MethodGet, "/events", "")
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || !response.Close || response.ContentLength != -1 || len(response.TransferEncoding) > 0 {
		t.Errorf("got %+v, want 200 with a body that ends with the connection", response)
	}
	for name, want := range map[string]string{
		"Content-Type":                     "text/event-stream",
		"Cache-Control":                    "no-store",
		"X-Accel-Buffering":                "no",
		"X-Content-Type-Options":           "nosniff",
		"Access-Control-Allow-Origin":      "https://shop.example",
		"Access-Control-Allow-Credentials": "true",
	} {
		if got := response.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q once", name, got, want)
		}
	}
	if response.Header.Get("Date") == "" {
		t.Error("no Date")
	}
}

func TestEventsArriveAndALeavingClientIsNoticedAtOnce(t *testing.T) {
	t.Parallel()
	inBothModes(t, eventsArriveAndALeavingClientIsNoticedAtOnce)
}

func eventsArriveAndALeavingClientIsNoticedAtOnce(t *testing.T, s *streamServer) {
	c := s.dial(t)
	response := c.request(t, http.MethodGet, "/events", "")
	expectSeq(t, response.Body, 1)
	s.publish(2)
	expectSeq(t, response.Body, 2)
	_ = c.Close()
	s.awaitEnd(t)
	if n := s.hub.Stats().Streams; n != 0 {
		t.Errorf("%d streams left", n)
	}
}

func TestKeptAliveConnectionCanBecomeAStream(t *testing.T) {
	t.Parallel()
	inBothModes(t, keptAliveConnectionCanBecomeAStream)
}

func keptAliveConnectionCanBecomeAStream(t *testing.T, s *streamServer) {
	c := s.dial(t)
	for range 3 {
		response := c.request(t, http.MethodGet, "/plain", "")
		if body, err := io.ReadAll(response.Body); string(body) != "plain" || err != nil {
			t.Fatalf("%q, %v", body, err)
		}
	}
	response := c.request(t, http.MethodGet, "/events", "")
	expectSeq(t, response.Body, 1)
}

func TestStreamIsServedWhateverTheClientSaysOfTheConnection(t *testing.T) {
	t.Parallel()
	inBothModes(t, streamIsServedWhateverTheClientSaysOfTheConnection)
}

func streamIsServedWhateverTheClientSaysOfTheConnection(t *testing.T, s *streamServer) {
	for name, extra := range map[string]string{
		"it closes after":     "Connection: close\r\n",
		"it sent more before": "\r\nGET /plain HTTP/1.1\r\nHost: x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			response := c.request(t, http.MethodGet, "/events", extra)
			expectSeq(t, response.Body, 1)
			_ = c.Close()
			s.awaitEnd(t)
		})
	}
}

func TestHeadTakesNoConnection(t *testing.T) {
	t.Parallel()
	inBothModes(t, headTakesNoConnection)
}

func headTakesNoConnection(t *testing.T, s *streamServer) {
	c := s.dial(t)
	if response := c.request(t, http.MethodHead, "/events", ""); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %s", response.Status)
	}
	if n := s.hub.Stats().Streams; n != 0 {
		t.Errorf("%d streams left", n)
	}
	if response := c.request(t, http.MethodGet, "/plain", ""); response.StatusCode != http.StatusOK {
		t.Errorf("the connection is of no more use: %s", response.Status)
	}
}

// The wrapper that one stream had serves the next connection; nothing of the
// first may reach it.
func TestOneStreamsEndLeavesTheNextAlone(t *testing.T) {
	t.Parallel()
	inBothModes(t, oneStreamsEndLeavesTheNextAlone)
}

func oneStreamsEndLeavesTheNextAlone(t *testing.T, s *streamServer) {
	for range 20 {
		first, second := s.dial(t), s.dial(t)
		expectSeq(t, first.request(t, http.MethodGet, "/events", "").Body, 1)
		_ = first.Close()
		response := second.request(t, http.MethodGet, "/events", "")
		s.awaitEnd(t)
		expectSeq(t, response.Body, 1)
		s.publish(2)
		expectSeq(t, response.Body, 2)
		_ = second.Close()
		s.awaitEnd(t)
	}
}

func TestShutdownDoesNotWaitForStreamsThatTheHubHasEnded(t *testing.T) {
	t.Parallel()
	inBothModes(t, shutdownDoesNotWaitForStreamsThatTheHubHasEnded)
}

func shutdownDoesNotWaitForStreamsThatTheHubHasEnded(t *testing.T, s *streamServer) {
	const streams = 50
	var bodies []io.Reader
	for range streams {
		response := s.dial(t).request(t, http.MethodGet, "/events", "")
		expectSeq(t, response.Body, 1)
		bodies = append(bodies, response.Body)
	}
	ended := make(chan error, streams)
	for _, body := range bodies {
		go func() { _, err := io.Copy(io.Discard, body); ended <- err }()
	}
	s.stop(t)
	for range streams {
		s.awaitEnd(t)
		if err := <-ended; err != nil {
			t.Errorf("a client saw %v, want a clean end", err)
		}
	}
}
