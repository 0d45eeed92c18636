package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"order-service/devstack/token"
	"order-service/order"
)

// told is what the service asked of its provider.
type told struct {
	mu       sync.Mutex
	requests map[string][]byte // by path: the last body
	keys     map[string]string // by path: the last Idempotency-Key
}

// overhear puts itself between the shop and its provider.
func (s *shop) overhear() *told {
	target, err := url.Parse(s.provider.url)
	if err != nil {
		s.t.Fatal(err)
	}
	heard := &told{requests: map[string][]byte{}, keys: map[string]string{}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a short one will not be what is described
		heard.note(r, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	s.t.Cleanup(server.Close)
	s.env["PAYMENT_URL"] = server.URL
	return heard
}

func (h *told) note(r *http.Request, body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	h.requests[path], h.keys[path] = body, r.Header.Get("Idempotency-Key")
}

// judges holds what the provider was asked against the document's webhooks.
func (i *integrator) judges(heard *told, path, key string) {
	i.t.Helper()
	heard.mu.Lock()
	defer heard.mu.Unlock()
	about := object(object(object(i.root["webhooks"])[path])["post"])
	media := object(object(object(about["requestBody"])["content"])["application/json"])
	i.valid("the request "+path, media, heard.requests[path])
	if heard.keys[path] != key {
		i.t.Errorf("%s has the Idempotency-Key %q, want %q", path, heard.keys[path], key)
	}
}

// TestOpenAPIHoldsForAnOrdersWay follows orders to their ends by the requests
// that the document gives as examples.
func TestOpenAPIHoldsForAnOrdersWay(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	heard := s.overhear()
	s.start("all")
	i, b := s.integrator(), s.buyer("alice", user)
	for _, id := range []string{"getLiveness", "getReadiness", "getDescription", "describeProblem"} {
		i.does(id, wording{}, http.StatusOK)
	}
	i.sells()
	i.watches(b, i.pays(heard, b))
	i.refunds(heard, b)
	i.declines(s.anyone())
	i.tried(false)
}

func (i *integrator) sells() {
	root := i.shop.buyer("root", admin)
	i.does("putProduct", wording{as: root, example: "upcoming"}, http.StatusOK)
	i.does("putProduct", wording{as: root, example: "open"}, http.StatusOK)
	key := []string{"Idempotency-Key", "restock-1"}
	for range 2 {
		i.does("restockProduct", wording{as: root, example: "fifty", headers: key}, http.StatusOK)
	}
	i.does("getProductAsAdmin", wording{as: root}, http.StatusOK)
	i.does("listProducts", wording{}, http.StatusOK)
	var p struct{ Available int64 }
	i.does("getProduct", wording{}, http.StatusOK).decode(&p)
	if p.Available != 250 {
		i.t.Errorf("%d units are available, want the example's 200 and 50 once", p.Available)
	}
	i.shop.anyone().order(i.stand[exampleProduct], 1000).expect(http.StatusConflict) // once the gate has its price
}

// pays takes an order to CONFIRMED, with each request repeated as the document
// says it may be.
func (i *integrator) pays(heard *told, b *buyer) orderView {
	key := []string{"Idempotency-Key", `"an order"`}
	first := i.orders(b, "atThePriceShown", key...)
	if again := i.orders(b, "atThePriceShown", key...); again.OrderID != first.OrderID {
		i.t.Errorf("one key made the orders %s and %s", first, again)
	}
	o := i.owes(b, first)
	i.judges(heard, "payments/initiate", o.OrderID.String())
	for range 2 {
		i.reports("reportPaymentSuccess", wording{example: "paid"}, http.StatusOK)
	}
	o = b.await(o.OrderID, order.Confirmed)
	tag := i.does("getOrder", wording{as: b}, http.StatusOK).header.Get("ETag")
	i.does("getOrder", wording{as: b, query: "?wait=5s", headers: []string{"If-None-Match", tag}}, http.StatusNotModified)
	i.does("getOrderTimeline", wording{as: b}, http.StatusOK)
	i.refused("cancelOrder", wording{as: b}, http.StatusConflict, order.CodeNotCancellable)
	return o
}

// watches reads streams that end: one of a final order, and one of a token's
// last seconds.
func (i *integrator) watches(b *buyer, o orderView) {
	i.hears(i.does("streamOrder", wording{as: b}, http.StatusOK), "progress")
	i.hears(i.does("streamOrder", wording{as: b, headers: []string{"Last-Event-ID", "99"}}, http.StatusOK), "reset", "progress")
	i.does("streamOrder", wording{as: b, headers: []string{"Last-Event-ID", strconv.FormatInt(o.Seq, 10)}}, http.StatusNoContent)

	i.hears(i.does("streamMyOrders", wording{as: i.leaving("alice", user)}, http.StatusOK), "progress", "reauth")
	i.does("streamBoard", wording{as: i.leaving("root", admin)}, http.StatusOK)
}

// leaving is a buyer whose token, and every stream with it, ends soon: within the
// ten seconds before which a stream warns, and not before a busy service reads it.
func (i *integrator) leaving(name string, roles []string) *buyer {
	return &buyer{shop: i.shop, token: token.Mint(i.shop.env["JWT_SECRET"], name, 9*time.Second, roles...)}
}

// hears fails the test unless the stream has these events, in this order, each
// with the data that is described.
func (i *integrator) hears(r reply, want ...string) {
	i.t.Helper()
	frames := strings.Split(strings.TrimSuffix(string(r.body), "\n\n"), "\n\n")
	if !strings.HasPrefix(frames[0], "retry: ") {
		i.t.Errorf("the stream begins with %q", frames[0])
	}
	var got []string
	for _, frame := range frames[1:] {
		event, data := field(frame, "event"), field(frame, "data")
		switch event {
		case "progress":
			i.is("an event", "Progress", []byte(data))
		case "reauth":
			i.is("an event", "Reauth", []byte(data))
		case "":
			continue // a sign of life
		}
		got = append(got, event)
	}
	if !slices.Equal(got, want) {
		i.t.Errorf("the stream has the events %q, want %q:\n%s", got, want, r.body)
	}
}

// field is the value of one of a server-sent event's fields.
func field(frame, name string) string {
	for line := range strings.SplitSeq(frame, "\n") {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// refunds cancels an order whose money comes all the same.
func (i *integrator) refunds(heard *told, b *buyer) {
	o := i.owes(b, i.orders(b, "atThePriceShown"))
	i.does("cancelOrder", wording{as: b}, http.StatusOK)
	b.await(o.OrderID, order.Cancelled)
	i.does("cancelOrder", wording{as: b}, http.StatusOK)
	i.reports("reportPaymentSuccess", wording{example: "paid"}, http.StatusOK)
	i.shop.expectRefund(o.PaymentID)
	i.judges(heard, "payments/refund", "refund-"+o.PaymentID)

	var page struct{ NextCursor string }
	i.does("listOrders", wording{as: b, query: "?limit=1"}, http.StatusOK).decode(&page)
	i.does("listOrders", wording{as: b, query: "?status=CONFIRMED&cursor=" + page.NextCursor}, http.StatusOK)
}

func (i *integrator) declines(b *buyer) {
	o := i.owes(b, i.orders(b, "atAnyPrice"))
	i.reports("reportPaymentFailure", wording{example: "declined"}, http.StatusOK)
	if o = b.await(o.OrderID, order.Failed); o.FailureReason != order.PaymentDeclined {
		i.t.Errorf("the order is %s", o)
	}
	i.does("getOrder", wording{as: b}, http.StatusOK)
	i.does("getOrderTimeline", wording{as: b}, http.StatusOK)
}
