package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"order-service/order"
)

// unreadables are requests that a proxy in front may read in another way, or
// that are none.
var unreadables = map[string]string{
	"length twice":               "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	"two lengths":                "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\nabc",
	"length of two":              "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 0\r\n\r\nabc",
	"length of two alike":        "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc",
	"length with a plus":         "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
	"length below 0":             "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: -0\r\n\r\n",
	"length in hexadecimal":      "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc",
	"length with a gap":          "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1 1\r\n\r\nabcabcabcab",
	"no length":                  "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
	"endless length":             "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
	"length and coding":          "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"coding and length":          "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"coding twice":               "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"two codings":                "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"identity":                   "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
	"unknown coding":             "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"coding behind a control":    "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
	"coding of HTTP/1.0":         "POST /orders HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"folded header":              "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
	"folded coding":              "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
	"fold before any header":     "GET /livez HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n",
	"space before the colon":     "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc",
	"tab before the colon":       "GET /livez HTTP/1.1\r\nHost: x\r\nX-A\t: b\r\n\r\n",
	"space in a name":            "GET /livez HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n",
	"no name":                    "GET /livez HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
	"no colon":                   "GET /livez HTTP/1.1\r\nHost: x\r\nX-A\r\n\r\n",
	"bare LF behind the request": "GET /livez HTTP/1.1\nHost: x\r\n\r\n",
	"bare LF behind a header":    "GET /livez HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n",
	"bare LF at the end":         "GET /livez HTTP/1.1\r\nHost: x\r\n\n",
	"bare CR in a header":        "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\rContent-Length: 5\r\n\r\n",
	"bare CR before CRLF":        "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\r\r\n\r\n",
	"NUL in a value":             "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\x00c\r\n\r\n",
	"NUL in a name":              "GET /livez HTTP/1.1\r\nHost: x\r\nX-\x00A: b\r\n\r\n",
	"no Host":                    "GET /livez HTTP/1.1\r\nX-A: b\r\n\r\n",
	"empty Host":                 "GET /livez HTTP/1.1\r\nHost:\r\n\r\n",
	"two Hosts":                  "GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
	"two Hosts in one":           "GET /livez HTTP/1.1\r\nHost: x, y\r\n\r\n",
	"user at a Host":             "GET /livez HTTP/1.1\r\nHost: u@x\r\n\r\n",
	"path in a Host":             "GET /livez HTTP/1.1\r\nHost: x/y\r\n\r\n",
	"two spaces":                 "GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"space in the target":        "GET /livez x HTTP/1.1\r\nHost: x\r\n\r\n",
	"tab in the request line":    "GET\t/livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"space behind the version":   "GET /livez HTTP/1.1 \r\nHost: x\r\n\r\n",
	"HTTP/0.9":                   "GET /livez\r\nHost: x\r\n\r\n",
	"HTTP/1.2":                   "GET /livez HTTP/1.2\r\nHost: x\r\n\r\n",
	"HTTP/2":                     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"lower-case version":         "GET /livez http/1.1\r\nHost: x\r\n\r\n",
	"method that is no token":    "GE(T /livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"no method":                  " /livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"no target":                  "GET HTTP/1.1\r\nHost: x\r\n\r\n",
	"path without a slash":       "GET livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"path with two slashes":      "GET //x/livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"fragment":                   "GET /livez#x HTTP/1.1\r\nHost: x\r\n\r\n",
	"URL with a user":            "GET http://u@x/livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"URL without a host":         "GET http:///livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"URL of another scheme":      "GET gopher://x/livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"* of GET":                   "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
	"CONNECT":                    "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
	"two empty lines before":     "\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
	"nonsense":                   "nonsense\r\n\r\n",
	"chunk with an extension":    chunked("3;a=b\r\nabc\r\n0\r\n\r\n"),
	"LF in a chunk's extension":  chunked("3;\nabc\r\n0\r\n\r\n"),
	"chunk size in 0x":           chunked("0x3\r\nabc\r\n0\r\n\r\n"),
	"chunk size with a sign":     chunked("+3\r\nabc\r\n0\r\n\r\n"),
	"chunk size with a space":    chunked("3 \r\nabc\r\n0\r\n\r\n"),
	"chunk size of none":         chunked("\r\nabc\r\n0\r\n\r\n"),
	"endless chunk size":         chunked("100000000\r\nabc\r\n0\r\n\r\n"),
	"overflowing chunk size":     chunked("ffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
	"chunk longer than its size": chunked("3\r\nabcd\r\n0\r\n\r\n"),
	"chunk that ends with LF":    chunked("3\r\nabc\n0\r\n\r\n"),
	"chunk size ends with LF":    chunked("3\nabc\r\n0\r\n\r\n"),
	"fields behind the chunks":   chunked("3\r\nabc\r\n0\r\nIdempotency-Key: k\r\n\r\n"),
}

func chunked(body string) string {
	return "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body
}

func TestWhatTwoServersCouldReadDifferentlyIsRefusedAndTheConnectionClosed(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.PaymentPending)
	smuggled := fmt.Sprintf("POST /orders/%s/cancel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", o.ID, token(t, "ann"))
	t.Run("requests", func(t *testing.T) {
		for name, request := range unreadables {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s.with(t).refuses(request + smuggled)
				s.with(t).refuses(request)
			})
		}
	})
	if calls := shop.seenCalls(); len(calls) > 0 {
		t.Errorf("a request in the body of another was executed: %q", calls)
	}
}

// refuses wants one answer to what is sent, a 400, and the end.
func (s *site) refuses(sent string) {
	s.Helper()
	answers := s.converse(sent)
	if len(answers) != 1 {
		s.Fatalf("%d answers", len(answers))
	}
	answers[0].problem(s.T, 400, codeBadRequest)
	if !answers[0].Close {
		s.Error("the connection is kept")
	}
}

func TestRequestsBeforeAnUnreadableOneAreAnswered(t *testing.T) {
	s := serve(t, newShop())
	good := "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
	answers := s.converse(good + good + unreadables["two lengths"] + good)
	if len(answers) != 3 || answers[0].StatusCode != 200 || answers[1].StatusCode != 200 {
		t.Fatalf("%d answers: %v", len(answers), answers)
	}
	answers[2].problem(t, 400, codeBadRequest)
}

// Where a proxy uses one connection for all, the request before is another buyer's.
func TestAnUnreadableRequestIsNotAnsweredAsTheOneBefore(t *testing.T) {
	const origin = "https://shop.example"
	s := serve(t, newShop(), func(c *Config, _ *Deps) { c.CORSOrigins = []string{origin} })
	first := "GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: first\r\nOrigin: " + origin + "\r\n\r\n"
	for name, second := range map[string]string{
		"endless line": "GET /" + strings.Repeat("x", 20<<10),
		"bare LF":      "GET /livez HTTP/1.1\n",
		"NUL":          "GET /\x00",
		"empty line":   "\r\n\r\n",
	} {
		for _, answers := range [][]answer{s.converse(first + second), s.inPieces(first+second, len(first))} {
			if len(answers) != 2 || answers[0].Header.Get("X-Request-Id") != "first" || answers[0].Header.Get("Access-Control-Allow-Origin") != origin {
				t.Fatalf("%s: %d answers, %v", name, len(answers), answers)
			}
			h := answers[1].Header
			if answers[1].StatusCode < 400 || h.Get("X-Request-Id") == "first" || h.Get("X-Request-Id") == "" || h.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %d with %v", name, answers[1].StatusCode, h)
			}
		}
	}
}

func TestRequestsOfEveryLegalFormAreRead(t *testing.T) {
	s := serve(t, newShop())
	for name, request := range map[string]string{
		"HTTP/1.0":                "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"URL":                     "GET http://shop.test/livez HTTP/1.1\r\nHost: shop.test\r\n\r\n",
		"URL of a server":         "GET http://shop.test HTTP/1.1\r\nHost: shop.test\r\n\r\n",
		"empty line before":       "\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
		"IPv6 host":               "GET /livez HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
		"no space":                "GET /livez HTTP/1.1\r\nHost:x\r\n\r\n",
		"spaces around":           "GET /livez HTTP/1.1\r\nHost:   x  \r\n\r\n",
		"empty value":             "GET /livez HTTP/1.1\r\nHost: x\r\nX-A:\r\n\r\n",
		"colon in a value":        "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b: c\r\n\r\n",
		"UTF-8 in a value":        "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ä\r\n\r\n",
		"length of GET":           "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"chunks":                  "GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n",
		"several cookies":         "GET /livez HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n",
		"100-continue":            "POST /dev/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"query that looks a path": "GET /livez?//x@y HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		for _, piece := range []int{1, 7, len(request)} {
			// What follows on the same connection shows that it was read to its end.
			answers := s.inPieces(request+"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", piece)
			if len(answers) != 2 {
				t.Fatalf("%s, %d bytes at a time: %d answers", name, piece, len(answers))
			}
			for _, a := range answers {
				if a.StatusCode != 200 {
					t.Errorf("%s, %d bytes at a time: %d %s", name, piece, a.StatusCode, a.body)
				}
			}
		}
	}
}

// What is announced to be too large is refused without being asked for.
func TestContentThatWouldBeRefusedIsNotAskedFor(t *testing.T) {
	s := serve(t, newShop())
	request := fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: %d\r\n\r\n", maxBody+1)
	for _, sent := range []string{request, request + strings.Repeat("x", maxBody+1)} { // some do not wait
		first := s.raw(sent)
		first.problem(t, 413, order.CodeTooLarge)
		if answers := s.converse(sent); len(answers) != 1 || !answers[0].Close {
			t.Errorf("%d answers, or the connection is kept", len(answers))
		}
	}
}

// Whoever may place no order hears so before he sends it.
func TestAnOrderOfSomebodyWhoMayPlaceNoneIsNotAskedFor(t *testing.T) {
	s := serve(t, newShop())
	const content = `{"productId":"sneaker","quantity":1}`
	head := fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n", len(content))
	for _, authorization := range []string{"", "Authorization: Bearer x\r\n"} {
		request := head + authorization + "\r\n"
		for _, sent := range []string{request, request + content} { // some do not wait
			first := s.raw(sent)
			first.problem(t, 401, order.CodeUnauthenticated)
			if answers := s.converse(sent); len(answers) != 1 || !answers[0].Close {
				t.Errorf("%d answers, or the connection is kept", len(answers))
			}
		}
	}
	if first := s.raw(head + "Authorization: Bearer " + token(t, "ann") + "\r\n\r\n"); first.StatusCode != 100 {
		t.Errorf("a buyer was answered %d %s", first.StatusCode, first.body)
	}
}

// RFC 9110, section 10.1.1, lets a server refuse an expectation that it does not
// know with 417, or not. It is ignored here, as most do: what a proxy adds of its
// own must not cost an order, and who expects more than an answer gets that. Of
// HTTP/1.0, which has no 100, every expectation must be ignored.
func TestUnknownExpectationIsIgnored(t *testing.T) {
	s := serve(t, newShop())
	for name, head := range map[string]string{
		"unknown":   "POST /dev/login HTTP/1.1\r\nExpect: 200-ok\r\n",
		"empty":     "POST /dev/login HTTP/1.1\r\nExpect:\r\n",
		"parameter": "POST /dev/login HTTP/1.1\r\nExpect: 100-continue;q=1\r\n",
		"HTTP/1.0":  "POST /dev/login HTTP/1.0\r\nExpect: 100-continue\r\n",
	} {
		a := s.raw(head + "Host: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		if a.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
}

func TestUnusedConnectionIsClosedWithoutAWord(t *testing.T) {
	s := serve(t, newShop(), func(c *Config, _ *Deps) { c.IdleTimeout = time.Second })
	for name, sent := range map[string]string{"before a request": "", "after one": "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"} {
		begun := time.Now()
		answers := s.converse(sent)
		if want := min(1, len(sent)); len(answers) != want {
			t.Errorf("%s: %d answers, want %d", name, len(answers), want)
		}
		if took := time.Since(begun); took < time.Second || took > 10*time.Second {
			t.Errorf("%s: closed after %v", name, took)
		}
	}
}

// converse sends bytes and returns all answers until the server closes.
func (s *site) converse(sent string) []answer {
	s.Helper()
	return s.inPieces(sent, max(1, len(sent)))
}

func (s *site) inPieces(sent string, piece int) (answers []answer) {
	s.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	go func() {
		for part := range slices.Chunk([]byte(sent), piece) {
			_, _ = conn.Write(part)
		}
	}()
	for r := bufio.NewReader(conn); ; {
		if _, err := r.Peek(1); err == io.EOF {
			return answers
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			s.Fatal(err)
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			s.Fatal(err)
		}
		answers = append(answers, answer{resp, body})
	}
}

// FuzzFraming compares what passes framing with what net/http and fasthttp make
// of the same bytes: requests that all three take must be the same ones, or a
// request could be hidden from one in the body of another's.
func FuzzFraming(f *testing.F) {
	for _, request := range unreadables {
		f.Add([]byte(request), 1)
	}
	f.Add([]byte("\r\nPOST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.0\r\n\r\n"), 5)
	f.Add([]byte("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nPUT http://x/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabGET /c HTTP/1.1\r\nHost: x\r\n\r\n"), 200)
	var got []string
	server := &fasthttp.Server{ReadBufferSize: maxHeaders, MaxRequestBodySize: maxBody, Handler: func(ctx *fasthttp.RequestCtx) {
		got = append(got, fmt.Sprintf("%s %s %q", ctx.Method(), ctx.Request.Header.RequestURI(), ctx.Request.Body()))
	}}
	f.Fuzz(func(t *testing.T, sent []byte, piece int) {
		got = nil
		client := &memoryConn{next: pieces(sent, 1+(piece&0xff))}
		if err := server.ServeConn(guarded(client)); err != nil && len(got) == 0 {
			return
		}
		want, refused := requestsIn(sent)
		if refused { // for a reason that is no matter of framing, as a URL it does not like
			got = got[:min(len(got), len(want))]
		}
		if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("fasthttp reads %q, net/http %q", got, want)
		}
	})
}

// pieces gives sent a few bytes at a time.
func pieces(sent []byte, size int) func() []byte {
	next := slices.Collect(slices.Chunk(sent, size))
	return func() (piece []byte) {
		if len(next) > 0 {
			piece, next = next[0], next[1:]
		}
		return piece
	}
}

// requestsIn is what net/http reads in sent, to its end or up to the first
// request that it refuses.
func requestsIn(sent []byte) (requests []string, refused bool) {
	ended := func(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }
	for r := bufio.NewReader(bytes.NewReader(sent)); ; {
		if lead, err := r.Peek(2); err == nil && string(lead) == "\r\n" {
			_, _ = r.Discard(2)
		}
		request, err := http.ReadRequest(r)
		if err != nil {
			return requests, !ended(err)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return requests, !ended(err)
		}
		requests = append(requests, fmt.Sprintf("%s %s %q", request.Method, request.RequestURI, body))
	}
}
