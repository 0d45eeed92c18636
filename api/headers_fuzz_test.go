package api

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"order-service/order"
)

// withRequest calls read with a request that has the header and the query, as
// handlers get it.
func withRequest(header, value, query string, read func(*fiber.Ctx)) {
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.Set(header, value)
	ctx.Request.URI().SetQueryString(query)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	c := app.AcquireCtx(&ctx)
	defer app.ReleaseCtx(c)
	read(c)
}

// FuzzIdempotencyKey: a key is short and printable, and means the same when it
// is written as a quoted string.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"k", `"k"`, `"a\"b\\c"`, `"`, `"\`, `"a"b`, " ", "\x7f", "ключ", strings.Repeat("k", order.MaxIdempotencyKey+1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		withRequest("Idempotency-Key", header, "", func(c *fiber.Ctx) {
			key, err := idempotencyKey(c)
			if err != nil {
				return
			}
			if key == "" || len(key) > order.MaxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("%q is the key %q", header, key)
			}
			quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
			if again, ok := unquoteKey(quoted); !ok || again != key {
				t.Fatalf("%q is the key %q, and quoted %q", header, key, again)
			}
		})
	})
}

// FuzzRequestID: a request is called what a proxy calls it, if that is harmless
// in a log, a header and a page, and else as nothing else is.
func FuzzRequestID(f *testing.F) {
	for _, seed := range []string{"", "a-1", strings.Repeat("x", order.MaxProductID), strings.Repeat("x", order.MaxProductID+1), "a b", "<b>", "a\x00", "\xff", "ä"} {
		f.Add(seed)
	}
	ids := newRequestIDs()
	f.Fuzz(func(t *testing.T, given string) {
		withRequest("X-Request-Id", given, "", func(c *fiber.Ctx) {
			got := string(ids.append(nil, c.Context()))
			if !order.ValidProductID(got) {
				t.Fatalf("%q is called %q", given, got)
			}
			if ours := strings.HasPrefix(got, ids.prefix+"-"); got != given && (!ours || order.ValidProductID(given)) {
				t.Fatalf("%q is called %q", given, got)
			}
		})
	})
}

// FuzzLastEventID: whatever a client says that it has seen, its stream brings it
// to the order's present status, without a gap.
func FuzzLastEventID(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "3", "4", "5", "-1", "+2", "1_0", "0x1", "9223372036854775808", "2 ", "\x00"} {
		f.Add(seed)
	}
	shop := newShop()
	o, s := shop.put("alice", order.Confirmed), &Server{deps: shop.deps()}
	f.Fuzz(func(t *testing.T, last string) {
		opening, over, err := s.resume(t.Context(), o, last)
		if err != nil {
			t.Fatal(err)
		}
		seen := opening.After
		if seen == 0 && len(opening.Events) > 0 { // begins with a snapshot
			seen = opening.Events[0].Seq - 1
		}
		for _, e := range opening.Events {
			if seen++; e.Seq != seen {
				t.Fatalf("after %q comes %d, not %d", last, e.Seq, seen)
			}
		}
		if !over && seen != o.Seq || over && opening.Events != nil || opening.Reset && (last == "" || opening.After != 0) {
			t.Fatalf("after %q a stream begins with %+v, over %t", last, opening, over)
		}
	})
}

// FuzzUserEventID: what a user's stream writes is taken back, and anything else
// is read without harm.
func FuzzUserEventID(f *testing.F) {
	f.Add("01890a5d-ac96-774b-bcce-b302099a8057:3")
	f.Add("{01890a5d-ac96-774b-bcce-b302099a8057}:")
	f.Add(":::")
	f.Fuzz(func(t *testing.T, id string) {
		if valid := validEventID(id); valid && !strings.Contains(id, ":") {
			t.Fatalf("%q is an event of a user's stream", id)
		}
	})
}

// FuzzEntityTags: a tag that matches strongly matches weakly, and a list that
// names neither it nor all matches nothing.
func FuzzEntityTags(f *testing.F) {
	for _, list := range []string{`"3"`, `W/"3"`, `"1", "3"`, `*`, ``, `,,`, `"3`, `W/`, `"a,"3""`} {
		f.Add(list)
	}
	const tag = `"3"`
	f.Fuzz(func(t *testing.T, list string) {
		strong, weak := matches(list, tag), listed(list, tag)
		if strong && !weak || weak && !strings.Contains(list, tag) && !strings.Contains(list, "*") {
			t.Fatalf("%q matches %s strongly %t, weakly %t", list, tag, strong, weak)
		}
		if matches(list, "") {
			t.Fatalf("%q matches what is not there", list)
		}
	})
}

// FuzzQuery: what a query asks for is within its bounds, or refused.
func FuzzQuery(f *testing.F) {
	for _, seed := range [][2]string{
		{"20s", "10"}, {"20", "100"}, {"-1", "0"}, {"-9223372037", "-9223372036854775808"}, {"9223372036854775807", "1e2"}, {"1h1h", "+5"}, {"", ""}, {"-0s", " "},
	} {
		f.Add(seed[0], seed[1], "PENDING", "01890a5d-ac96-774b-bcce-b302099a8057")
	}
	f.Fuzz(func(t *testing.T, wait, limit, status, cursor string) {
		query := url.Values{"wait": {wait}, "limit": {limit}, "status": {status}, "cursor": {cursor}}
		withRequest("Host", "shop.test", query.Encode(), func(c *fiber.Ctx) {
			got, err := waitFor(c)
			if n, number := strconv.Atoi(wait); err == nil && (got < 0 || got > maxWait || number == nil && n < 0) {
				t.Fatalf("wait=%q is %v", wait, got)
			}
			if n, number := strconv.Atoi(wait); err == nil && number == nil && got != time.Duration(min(n, 30))*time.Second {
				t.Fatalf("wait=%q is %v, %v", wait, got, err)
			}
			st, _, n, err := page(c)
			if err == nil && (n < 1 || n > maxPage || st != "" && !st.Valid()) {
				t.Fatalf("status=%q limit=%q is %s, %d", status, limit, st, n)
			}
		})
	})
}

// FuzzPath: another spelling of a path is the same path, and there is no other
// one after it.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/orders", "/%6Frders/%2e%2E/%2f", "/%", "/%4", "/%zz%61", "/%25%36%46", "/%C3%A4", "/%%36F"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		spelt := string(appendSpelt(nil, path))
		meant, err := url.PathUnescape(path)
		if err != nil {
			return // it is no path (RFC 3986, section 2.1)
		}
		if same, err := url.PathUnescape(spelt); err != nil || same != meant {
			t.Fatalf("%q is spelt %q, which is %q, %v", path, spelt, same, err)
		}
		if again := string(appendSpelt(nil, spelt)); again != spelt {
			t.Fatalf("%q is spelt %q, and that %q", path, spelt, again)
		}
	})
}
