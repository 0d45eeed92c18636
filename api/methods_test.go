package api

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"order-service/order"
)

// allows are the methods in an Allow, in order.
func allows(a answer) string {
	methods := strings.Split(a.Header.Get("Allow"), ", ")
	slices.Sort(methods)
	return strings.Join(methods, " ")
}

// allowed are the methods of every resource that is no page.
var allowed = map[string]string{
	"/livez":                      "GET HEAD OPTIONS",
	"/readyz":                     "GET HEAD OPTIONS",
	"/orders":                     "GET HEAD OPTIONS POST",
	"/orders/events":              "GET OPTIONS",
	"/orders/:id":                 "GET HEAD OPTIONS",
	"/orders/:id/events":          "GET OPTIONS",
	"/orders/:id/timeline":        "GET HEAD OPTIONS",
	"/orders/:id/cancel":          "OPTIONS POST",
	"/orders/:id/payment-success": "OPTIONS POST",
	"/orders/:id/payment-failure": "OPTIONS POST",
	"/products":                   "GET HEAD OPTIONS",
	"/products/:id":               "GET HEAD OPTIONS",
	"/admin/products/:id":         "GET HEAD OPTIONS PUT",
	"/admin/products/:id/restock": "OPTIONS POST",
	"/board/events":               "GET OPTIONS",
	"/problems/:code":             "GET HEAD OPTIONS",
	"/dev/login":                  "OPTIONS POST",
	"/sandbox/pay":                "GET HEAD OPTIONS POST",
}

func TestEveryPathSaysWhatItAllows(t *testing.T) {
	shop := newShop()
	id := shop.put("ann", order.Pending).ID.String()
	buyers, worker := serve(t, shop), run(t, nil, NewHealth(testConfig(), nil))
	for pattern := range allowed {
		if !slices.ContainsFunc(buyers.router.resources, func(r resource) bool { return r.pattern == pattern }) {
			t.Errorf("there is no %s", pattern)
		}
	}
	for _, s := range []*site{buyers, worker} {
		for _, known := range s.router.resources {
			path := strings.NewReplacer("/orders/:id", "/orders/"+id, ":id", "lamp", ":code", "sold-out").Replace(known.pattern)
			s.wantAllowed(path, cmp.Or(allowed[known.pattern], "GET HEAD OPTIONS"))
		}
		for _, method := range []string{"DELETE", "OPTIONS", "BREW"} {
			s.raw(method+" /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").problem(t, 404, order.CodeNotFound)
		}
	}
}

// wantAllowed asks for path by every method, and wants Allow to be what is true.
// A stream that nobody may open ends by itself.
func (s *site) wantAllowed(path, want string) {
	s.Helper()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get"} {
		a := s.raw(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		if slices.Contains(strings.Fields(want), method) {
			if a.StatusCode == 404 || a.StatusCode == 405 {
				s.Errorf("%s %s: %d, though it is allowed", method, path, a.StatusCode)
			}
			continue
		}
		if method != "HEAD" {
			a.problem(s.T, 405, order.CodeMethodNotAllowed)
		}
		if got := allows(a); a.StatusCode != 405 || got != want {
			s.Errorf("%s %s: %d, allows %q, want %q", method, path, a.StatusCode, got, want)
		}
	}
	options := s.call("OPTIONS", path, "")
	if options.StatusCode != 204 || len(options.body) > 0 || allows(options) != want {
		s.Errorf("OPTIONS %s: %d %s, allows %q, want %q", path, options.StatusCode, options.body, allows(options), want)
	}
}

func TestOptionsOfTheServerAsAWhole(t *testing.T) {
	a := serve(t, newShop()).raw("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	if a.StatusCode != 204 || allows(a) != "GET HEAD OPTIONS POST PUT" {
		t.Errorf("%d, allows %q", a.StatusCode, allows(a))
	}
}

func TestHeadSaysWhatGetSaysWithoutTheBody(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.Pending)
	for _, path := range []string{"/orders", "/orders/" + o.ID.String(), "/orders/" + o.ID.String() + "/timeline", "/livez", "/openapi.yaml", "/", "/nowhere"} {
		get, head := s.as("ann", "GET", path, ""), s.as("ann", "HEAD", path, "")
		if head.StatusCode != get.StatusCode || len(head.body) > 0 {
			t.Errorf("HEAD %s: %d with %d bytes, GET %d", path, head.StatusCode, len(head.body), get.StatusCode)
		}
		for _, name := range []string{"Content-Type", "ETag", "Cache-Control", "Content-Length"} {
			same := head.Header.Get(name) == get.Header.Get(name)
			if !same && !(name == "Content-Length" && path == "/nowhere") { // its request id has another length
				t.Errorf("HEAD %s: %s %q, GET %q", path, name, head.Header.Get(name), get.Header.Get(name))
			}
		}
	}
}

func TestHeadOfAStreamDoesNoWork(t *testing.T) {
	shop := newShop()
	joined := false
	shop.onJoin = func() { joined = true }
	s := serve(t, shop)
	o := shop.put("ann", order.Pending)
	shop.storeErr = order.Errorf(order.CodeInternal, "the store was asked")
	for _, path := range []string{"/orders/events", "/orders/" + o.ID.String() + "/events", "/board/events"} {
		head := s.as("admin", "HEAD", path, "")
		if head.StatusCode != 405 || allows(head) != "GET OPTIONS" || joined {
			t.Errorf("HEAD %s: %d, allows %q, joined %t", path, head.StatusCode, allows(head), joined)
		}
	}
}

func TestEncodedLettersAreTheSamePathAndNothingElseIsDecoded(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	o := shop.put("ann", order.Pending)
	id := o.ID.String()
	for path, status := range map[string]int{
		"/%6Frders/" + id:                        200,
		"/%6frders/" + id:                        200,
		"/orders/" + "%" + hexOf(id[0]) + id[1:]: 200,
		"/orders/" + strings.ReplaceAll(id, "-", "%2D") + "?wait=%30s": 200,
		"/orders%2F" + id:         404,
		"/%256Frders/" + id:       404, // decoded once, it is %6Frders
		"/products/%2E%2E/orders": 404, // not resolved: that is another step
		"/orders/%":               404,
		"/orders/%6":              404,
		"/orders/%zz":             404,
		"/orders/%00":             404,
	} {
		a := s.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token(t, "ann") + "\r\n\r\n")
		if a.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", path, a.StatusCode, a.body, status)
		}
	}
	if a := s.call("GET", "/products/l%61mp", ""); a.StatusCode != 200 {
		t.Errorf("an encoded product: %d", a.StatusCode)
	}
}

func hexOf(c byte) string { return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) }
