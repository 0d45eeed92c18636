package api

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"order-service/order"
)

// requestIDs numbers requests: unique enough to find a log line, and cheap.
type requestIDs struct {
	prefix string // random, per process
	last   *atomic.Uint64
}

func newRequestIDs() requestIDs { return requestIDs{prefix: rand.Text()[:8], last: new(atomic.Uint64)} }

// append appends the id that a proxy in front has given to the request, else a
// new one.
func (r requestIDs) append(b []byte, ctx *fasthttp.RequestCtx) []byte {
	given := ctx.Request.Header.PeekBytes(xRequestID)
	if order.ValidProductID(utils.UnsafeString(given)) { // the same harmless alphabet and length
		return append(b, given...)
	}
	return strconv.AppendUint(append(append(b, r.prefix...), '-'), r.last.Add(1), 36)
}

// requestID is the id that wrap has given to the request; it lives as long.
func requestID(ctx *fasthttp.RequestCtx) []byte { return ctx.Response.Header.PeekBytes(xRequestID) }

// drain reads on, for a moment, what a client is still sending of a request
// that was refused before its end. Closing a connection with unread data resets
// it, and the client would never see the answer.
func drain(ctx *fasthttp.RequestCtx) {
	const most, patience, quiet = 4 << 20, time.Second, 50 * time.Millisecond
	conn, buffer, end := rawConn(ctx.Conn()), make([]byte, 4<<10), time.Now().Add(patience)
	for got := 0; got < most && time.Now().Before(end); {
		_ = conn.SetReadDeadline(time.Now().Add(quiet))
		n, err := conn.Read(buffer)
		got += n
		if err != nil {
			return
		}
	}
}

// orderID parses the :id of a path. What is not a UUID is not an order.
func orderID(c *fiber.Ctx) (uuid.UUID, error) {
	text := c.Params("id")
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 { // Parse also takes urn: and braces
		return uuid.UUID{}, orderNotFound()
	}
	return id, nil
}

func orderNotFound() error { return order.Errorf(order.CodeOrderNotFound, "There is no such order.") }

// idempotencyKey returns the Idempotency-Key header, bare or as the quoted
// string of draft-ietf-httpapi-idempotency-key-header, or "" when there is
// none. A key that is there and cannot be used is CodeValidation: dropping it
// silently would take away the protection the client counts on.
func idempotencyKey(c *fiber.Ctx) (string, error) {
	raw := c.Request().Header.Peek("Idempotency-Key")
	if raw == nil {
		return "", nil
	}
	key := string(raw)
	if strings.HasPrefix(key, `"`) {
		var ok bool
		if key, ok = unquoteKey(key); !ok {
			return "", order.Invalid("Idempotency-Key", "is not a well-formed quoted string")
		}
	}
	printable := func(r rune) bool { return r >= ' ' && r <= '~' }
	if key == "" || len(key) > order.MaxIdempotentKey || strings.IndexFunc(key, func(r rune) bool { return !printable(r) }) >= 0 {
		return "", order.Invalid("Idempotency-Key", fmt.Sprintf("must be 1 to %d printable ASCII characters", order.MaxIdempotentKey))
	}
	return key, nil
}

// unquoteKey undoes an sf-string (RFC 8941, section 3.3.3), in which only the
// quote and the backslash are escaped.
func unquoteKey(quoted string) (string, bool) {
	var key strings.Builder
	for i := 1; i < len(quoted); i++ {
		switch quoted[i] {
		case '"':
			return key.String(), i == len(quoted)-1
		case '\\':
			i++
			if i == len(quoted) || quoted[i] != '"' && quoted[i] != '\\' {
				return "", false
			}
		}
		key.WriteByte(quoted[i])
	}
	return "", false
}
