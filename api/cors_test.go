package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"order-service/order"
)

const shopOrigin = "https://shop.example"

func serveShop(t *testing.T) *site {
	return serve(t, newShop(), func(c *Config, _ *Deps) { c.CORSOrigins = []string{shopOrigin} })
}

func TestPageMayReadEveryErrorAlsoOfRequestsThatCouldNotBeRead(t *testing.T) {
	s := serveShop(t)
	begin := "POST /orders HTTP/1.1\r\nHost: x\r\nOrigin: " + shopOrigin + "\r\nX-Request-Id: from-the-page\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
		code    order.Code
	}{
		"too large":         {begin + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1000000), 413, order.CodeTooLarge},
		"headers too large": {begin + "X-Big: " + strings.Repeat("x", maxHeaders+1) + "\r\n\r\n", 431, codeHeadersTooLarge},
		"framing":           {begin + "Content-Length: 1, 2\r\n\r\nab", 400, codeBadRequest},
		"chunks":            {begin + "Transfer-Encoding: chunked\r\n\r\nz\r\n", 400, codeBadRequest},
		"method":            {strings.Replace(begin, "POST", "BREW", 1) + "\r\n", 405, order.CodeMethodNotAllowed},
		"path":              {strings.Replace(begin, "/orders", "/nowhere", 1) + "Content-Length: 0\r\n\r\n", 404, order.CodeNotFound},
		"token":             {begin + "Content-Length: 0\r\n\r\n", 401, order.CodeUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.with(t).raw(c.request)
			p := a.problem(t, c.status, c.code)
			h := a.Header
			if h.Get("Access-Control-Allow-Origin") != shopOrigin || h.Get("Access-Control-Allow-Credentials") != "true" ||
				!strings.Contains(h.Get("Vary"), "Origin") || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "X-Request-Id") {
				t.Errorf("a page cannot read it: %v", h)
			}
			if p.RequestID != "from-the-page" {
				t.Errorf("its id is %q", p.RequestID)
			}
		})
	}
	foreign := strings.Replace(begin, shopOrigin, "https://evil.example", 1)
	if h := s.raw(foreign + "Content-Length: 1, 2\r\n\r\nab").Header; h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a foreign page may: %v", h)
	}
}

// operations is what the description says that requests and answers have.
type operations struct {
	Paths map[string]map[string]struct {
		Parameters []parameter
		Responses  map[string]response
	}
	Components struct {
		Parameters map[string]parameter
		Headers    map[string]any
		Responses  map[string]response
	}
}

type parameter struct{ In, Name string }

type response struct{ Headers map[string]any }

func TestPageMaySendAndReadAllThatTheDescriptionSpeaksOf(t *testing.T) {
	methods, sent, read := []string{}, []string{"Authorization", "Content-Type"}, []string{"X-Request-Id"}
	note := func(p parameter) {
		if p.In == "header" && !strings.HasPrefix(strings.ToLower(p.Name), "webhook-") { // providers are no pages
			sent = append(sent, p.Name)
		}
	}
	d := described[operations](t)
	for _, p := range d.Components.Parameters {
		note(p)
	}
	for _, r := range d.Components.Responses {
		for name := range r.Headers {
			read = append(read, name)
		}
	}
	for _, path := range d.Paths {
		for method, operation := range path {
			if method != "parameters" {
				methods = append(methods, strings.ToUpper(method))
			}
			for _, p := range operation.Parameters {
				note(p)
			}
			for _, r := range operation.Responses {
				for name := range r.Headers {
					read = append(read, name)
				}
			}
		}
	}
	preflight := serveShop(t).call("OPTIONS", "/orders", "", "Origin", shopOrigin, "Access-Control-Request-Method", "POST").ok(t).Header
	answer := serveShop(t).call("GET", "/products", "", "Origin", shopOrigin).Header
	lists(t, preflight, "Access-Control-Allow-Methods", methods)
	lists(t, preflight, "Access-Control-Allow-Headers", append(sent, "X-Request-Id"))
	lists(t, answer, "Access-Control-Expose-Headers", read)
}

// lists wants a header to list all of names, whatever their case.
func lists(t *testing.T, h http.Header, header string, names []string) {
	t.Helper()
	listed := strings.Split(strings.ToLower(h.Get(header)), ",")
	always := []string{"cache-control", "content-type", "www-authenticate", "set-cookie", "connection"} // safelisted, or nobody's business
	for _, name := range names {
		if name = strings.ToLower(name); !slices.Contains(listed, name) && !slices.Contains(always, name) {
			t.Errorf("%s has no %s: %s", header, name, h.Get(header))
		}
	}
}

func TestStaleCookieDoesNotHideTheGoodOne(t *testing.T) {
	s := serve(t, newShop())
	good, stale := token(t, "ann"), "stale.stale.stale"
	streams := func(cookies ...string) int {
		return s.call("GET", "/orders/events", "", "Cookie", "access_token="+strings.Join(cookies, "; access_token=")).StatusCode
	}
	for _, cookies := range [][]string{{good}, {stale, good}, {good, stale}, {stale, stale, stale, good}} {
		if status := streams(cookies...); status != 200 {
			t.Errorf("%d of %d cookies: %d", len(cookies), len(cookies), status)
		}
	}
	if status := streams(stale, stale, stale, stale, good); status != 401 {
		t.Errorf("any number of cookies is looked at: %d", status)
	}
	two := fmt.Sprintf("GET /orders/events HTTP/1.1\r\nHost: x\r\nCookie: access_token=%s\r\nCookie: access_token=%s\r\n\r\n", stale, good)
	if a := s.raw(two); a.StatusCode != 200 {
		t.Errorf("on two lines: %d", a.StatusCode)
	}
}
