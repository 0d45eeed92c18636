package api

import (
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
)

// headTimeout bounds writing a stream's response header. It fits into the
// socket's buffer, so only a connection that is gone already needs it.
const headTimeout = 2 * time.Second

// hijackStream answers 200 with a text/event-stream and has serve write its
// body to the connection itself: fasthttp tells no handler that its client has
// left, so a stream written through it would be kept for ever.
//
// With the server's KeepHijackedConns set, a stream does not hold on to the
// server's read buffer and request context, which are most of its memory.
//
// The headers that stand in c's response by now (CORS, security, request id)
// are sent; a middleware that sets one after its Next is too late. An error
// means that nothing was hijacked: HEAD wants the headers of a body that has no
// end. After nil the handler returns without touching c's response.
//
// serve gets the raw connection, with no deadlines set, on a goroutine of its
// own, after the handler has returned. It may not use c. It recovers its own
// panics, because nothing above it does, and must be done with the connection
// when it returns. It is not called at all when the connection breaks before
// the server hands it over.
func hijackStream(c *fiber.Ctx, serve func(net.Conn)) error {
	if c.Method() != fiber.MethodGet {
		return fiber.ErrMethodNotAllowed
	}
	head := streamHead(c)
	// Without this, fasthttp writes a response of its own first, and then drops
	// the hijack altogether if the request said Connection: close.
	c.Context().HijackSetNoResponse(true)
	kept := c.App().Server().KeepHijackedConns
	c.Context().Hijack(func(wrapper net.Conn) {
		conn := rawConn(wrapper)
		if kept {
			go serveStream(conn, head, serve) // fasthttp takes its read buffer and context back
			return
		}
		serveStream(conn, head, serve) // fasthttp closes conn after this
	})
	return nil
}

func serveStream(conn net.Conn, head []byte, serve func(net.Conn)) {
	defer func() { _ = conn.Close() }()
	if err := writeHead(conn, head); err != nil {
		_ = conn.Close() // serve finds out and lets go of what it holds
	}
	serve(conn)
}

// streamHead is the response's status line and headers. The body ends with the
// connection, so it has neither a length nor chunks (RFC 9112, section 6.3).
func streamHead(c *fiber.Ctx) []byte {
	h := &c.Response().Header
	h.SetStatusCode(fiber.StatusOK)
	h.SetContentType("text/event-stream")
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would collect events before passing them on
	h.Del(fiber.HeaderContentLength)
	h.SetConnectionClose()
	return append([]byte(nil), h.Header()...) // the response's memory is used again
}

// rawConn takes the connection out of fasthttp's wrapper, whose Close does
// nothing, whose Read gives what the client had sent ahead, and which belongs
// to another connection once the hijack handler has returned; and out of
// framing's, for what a client sends to its stream is no request.
func rawConn(wrapper net.Conn) net.Conn {
	if w, ok := wrapper.(interface{ UnsafeConn() net.Conn }); ok {
		wrapper = w.UnsafeConn()
	}
	if c, ok := wrapper.(*conn); ok {
		return c.Conn
	}
	return wrapper
}

func writeHead(conn net.Conn, head []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(headTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(head); err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}
