package api

import (
	"crypto/rand"
	"strconv"
	"sync/atomic"

	"github.com/gofiber/fiber/v2/utils"
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
