package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"order-service/order"
)

// The benchmarks serve whole requests, from the bytes of one to the bytes of
// its answer, over connections that are memory: what they show is the process'
// own time, without the kernel's. Buyers take turns, each with a token of
// their own. BenchmarkBare is the yardstick: what Fiber takes for an answer of
// the same size from a handler that does nothing.
const benchBuyers = 1000

// always is an intake that has answered before it was asked.
type always struct {
	id  uuid.UUID
	err error
}

func (always) Refusal() error { return nil }

func (a always) Accept(context.Context, order.Request) (uuid.UUID, error) { return a.id, a.err }

func BenchmarkAccept(b *testing.B) {
	s := benchServer(b, newShop(), always{id: uuid.Must(uuid.NewV7())})
	bench(b, s.app, 202, posts(b))
}

func BenchmarkSoldOut(b *testing.B) {
	refused := order.Errorf(order.CodeSoldOut, "This product is sold out.")
	s := benchServer(b, newShop(), always{err: refused})
	bench(b, s.app, 409, posts(b))
}

func BenchmarkOverloaded(b *testing.B) {
	bench(b, benchServer(b, newShop(), full{}).app, 503, posts(b))
}

func BenchmarkRateLimited(b *testing.B) {
	cfg := testConfig()
	cfg.UserRPS = 1e-6
	deps := newShop().deps()
	deps.Intake = always{}
	s := newBenchServer(b, cfg, deps)
	requests := posts(b)
	serveAll(b, s.app, requests) // takes each buyer's only token
	bench(b, s.app, 429, requests)
}

func BenchmarkGetOrder(b *testing.B) {
	shop := newShop()
	s := benchServer(b, shop, always{})
	requests := make([][]byte, benchBuyers)
	for i := range requests {
		buyer := fmt.Sprint("buyer-", i)
		requests[i] = request("GET", "/orders/"+shop.put(buyer, order.PaymentPending).ID.String(), benchToken(b, buyer), "")
	}
	bench(b, s.app, 200, requests)
}

func BenchmarkBare(b *testing.B) {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Post("/orders", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Status(202).SendString(`{"orderId":"0197c1c8-8c6f-7d3e-9d5a-0a4c7f3d2b11","status":"PENDING","message":"Order reserved successfully. Processing payment..."}`)
	})
	bench(b, app, 202, posts(b))
}

func benchServer(b *testing.B, shop *shop, intake Intake) *Server {
	b.Helper()
	cfg, deps := testConfig(), shop.deps()
	cfg.UserRPS, deps.Intake = 1e9, intake // the limiter works and lets all through
	return newBenchServer(b, cfg, deps)
}

func newBenchServer(b *testing.B, cfg Config, deps Deps) *Server {
	b.Helper()
	s, err := New(cfg, deps)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}

func benchToken(b *testing.B, user string) string {
	b.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": testIssuer, "userId": user, "roles": []string{"ROLE_USER"}, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(testSecret))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// posts returns an order of each buyer.
func posts(b *testing.B) [][]byte {
	b.Helper()
	requests := make([][]byte, benchBuyers)
	for i := range requests {
		requests[i] = request("POST", "/orders", benchToken(b, fmt.Sprint("buyer-", i)), `{"productId":"lamp","quantity":1,"unitPrice":1999}`)
	}
	return requests
}

func request(method, path, token, body string) []byte {
	var r bytes.Buffer
	fmt.Fprintf(&r, "%s %s HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer %s\r\n", method, path, token)
	if body != "" {
		fmt.Fprintf(&r, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	r.WriteString("\r\n" + body)
	return r.Bytes()
}

// bench serves the requests over and over; each answer must have the status.
func bench(b *testing.B, app *fiber.App, status int, requests [][]byte) {
	b.Helper()
	serveAll(b, app, requests)
	want := fmt.Appendf(nil, "HTTP/1.1 %d ", status)
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn := &memoryConn{want: want, next: func() []byte {
			if !pb.Next() {
				return nil
			}
			return requests[int(next.Add(1))%len(requests)]
		}}
		if err := app.Server().ServeConn(guarded(conn)); err != nil || conn.wrong != nil {
			b.Error(err, string(conn.wrong))
		}
	})
}

// serveAll serves each request once.
func serveAll(b *testing.B, app *fiber.App, requests [][]byte) {
	b.Helper()
	_ = app.Handler() // builds Fiber's routes
	left := requests
	conn := &memoryConn{next: func() (r []byte) {
		if len(left) > 0 {
			r, left = left[0], left[1:]
		}
		return r
	}}
	if err := app.Server().ServeConn(guarded(conn)); err != nil {
		b.Fatal(err)
	}
}

// guarded is a connection as the server's listener gives it.
func guarded(c net.Conn) net.Conn { return &conn{Conn: c, idle: time.Minute} }

// memoryConn is a client that sends its next request when the last one has been
// answered.
type memoryConn struct {
	net.Conn
	next  func() []byte // nil: no more
	want  []byte        // how an answer begins
	wrong []byte        // the first that does not
}

func (c *memoryConn) Read(p []byte) (int, error) {
	request := c.next()
	if request == nil {
		return 0, io.EOF
	}
	return copy(p, request), nil
}

func (c *memoryConn) Write(p []byte) (int, error) {
	if c.wrong == nil && !bytes.HasPrefix(p, c.want) {
		c.wrong = bytes.Clone(p)
	}
	return len(p), nil
}

func (*memoryConn) Close() error                     { return nil }
func (*memoryConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*memoryConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*memoryConn) SetDeadline(time.Time) error      { return nil }
func (*memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (*memoryConn) SetWriteDeadline(time.Time) error { return nil }
