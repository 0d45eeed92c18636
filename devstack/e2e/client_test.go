package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/devstack/token"
	"order-service/order"
)

// Roles for buyer.
var (
	user  = []string{token.User}
	admin = []string{token.User, token.Admin}
)

// buyer is a client with a token.
type buyer struct {
	shop  *shop
	token string
}

func (s *shop) buyer(name string, roles []string) *buyer {
	return &buyer{shop: s, token: token.Mint(s.env["JWT_SECRET"], name, time.Hour, roles...)}
}

// anyone is a buyer with a random name.
func (s *shop) anyone() *buyer { return s.buyer("user-"+rand.Text()[:10], user) }

// reply is an answer with its body read.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
	again  func() reply // sends the same once more
}

// expect fails the test unless the answer has status. On a busy machine a service
// may have to say that it cannot now, with nothing done: it is asked again, as
// browsers and providers do.
func (r reply) expect(status int) reply {
	r.t.Helper()
	for end := time.Now().Add(patience); r.again != nil && r.status != status && r.code() == order.CodeUnavailable && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
		r = r.again()
	}
	if r.status != status {
		r.t.Fatalf("%s answered %d, want %d: %s", r.what, r.status, status, r.body)
	}
	return r
}

// code is the problem's code, "" when the answer is no problem.
func (r reply) code() order.Code {
	var problem struct{ Code order.Code }
	_ = json.Unmarshal(r.body, &problem) // no JSON is no problem
	return problem.Code
}

// refused fails the test unless the answer is a problem with code.
func (r reply) refused(status int, code order.Code) {
	r.t.Helper()
	if got := r.expect(status).code(); got != code {
		r.t.Fatalf("%s was refused with %q, want %q: %s", r.what, got, code, r.body)
	}
}

func (r reply) decode(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%s: %v in %q", r.what, err, r.body)
	}
}

func (r reply) order() (o orderView) {
	r.t.Helper()
	r.expect(http.StatusOK).decode(&o)
	return o
}

// call sends body as JSON, with headers given as name, value, ….
func (b *buyer) call(method, path string, body any, headers ...string) reply {
	b.shop.t.Helper()
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			b.shop.t.Fatal(err)
		}
		headers = append(headers, "Content-Type", "application/json")
	}
	return b.shop.send(method, path, data, append(headers, "Authorization", "Bearer "+b.token)...)
}

func (s *shop) send(method, path string, body []byte, headers ...string) reply {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		r, err := s.try(method, path, body, headers...)
		again := s.insisting && (err != nil || r.status == http.StatusServiceUnavailable)
		if again && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			s.t.Fatalf("%s %s: %v", method, path, err)
		}
		r.again = func() reply { return s.send(method, path, body, headers...) }
		return r
	}
}

func (s *shop) try(method, path string, body []byte, headers ...string) (r reply, err error) {
	base := s.url
	if s.balancer != nil {
		base = s.balancer.url()
		defer func() {
			if err != nil {
				s.balancer.failed(err)
			}
		}()
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	begun := time.Now()
	client := s.client
	if client == nil {
		client = &http.Client{Timeout: patience}
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	s.witness.note(heard{method + " " + path, begun, time.Now(), resp.StatusCode})
	return reply{t: s.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: data}, nil
}

// order places an order. As a client should, it tries again when the answer is
// that the service cannot say yet: on a busy machine Redis may answer too late,
// and a gate that was just filled or emptied has no price for a moment.
func (b *buyer) order(productID string, quantity int, headers ...string) reply {
	b.shop.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		r := b.call("POST", "/orders", map[string]any{"productId": productID, "quantity": quantity}, headers...)
		again := r.status == http.StatusServiceUnavailable || r.code() == order.CodePriceUnavailable
		if !again || time.Now().After(deadline) {
			return r
		}
	}
}

// buy places an order that must be accepted and returns its id. Where a busy Redis
// was not told in time that another's order has its units, or the buyer's own, they
// count twice until that hold is reaped, and the last units are refused for so long.
func (b *buyer) buy(productID string, quantity int, headers ...string) uuid.UUID {
	b.shop.t.Helper()
	var o orderView
	r := b.order(productID, quantity, headers...)
	for end := time.Now().Add(patience); heldTwice(r.code()) && time.Now().Before(end); {
		time.Sleep(500 * time.Millisecond)
		r = b.order(productID, quantity, headers...)
	}
	r.expect(http.StatusAccepted).decode(&o)
	if o.Status != order.Pending || r.header.Get("Location") != "/orders/"+o.OrderID.String() {
		b.shop.t.Fatalf("accepted as %s with Location %q", r.body, r.header.Get("Location"))
	}
	return o.OrderID
}

func heldTwice(code order.Code) bool {
	return code == order.CodeSoldOut || code == order.CodePurchaseLimit
}

func (b *buyer) get(id uuid.UUID) orderView {
	b.shop.t.Helper()
	return b.call("GET", "/orders/"+id.String(), nil).order()
}

// await returns the order as soon as it has status, by long polls. The test
// fails when the order ends otherwise.
func (b *buyer) await(id uuid.UUID, want order.Status) orderView {
	b.shop.t.Helper()
	var etag string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		r := b.call("GET", "/orders/"+id.String()+"?wait=5s", nil, "If-None-Match", etag)
		if r.status == http.StatusNotModified {
			continue
		}
		o := r.order()
		if o.Status == want {
			return o
		}
		if o.Status.Final() {
			b.shop.t.Fatalf("order is %s, want %s", o, want)
		}
		etag = r.header.Get("ETag")
	}
	b.shop.t.Fatalf("order is still %s, want %s", b.get(id), want)
	return orderView{}
}

func (b *buyer) cancel(id uuid.UUID) reply {
	b.shop.t.Helper()
	return b.call("POST", "/orders/"+id.String()+"/cancel", nil)
}

// webhook sends what the payment provider would, signed.
func (s *shop) webhook(id uuid.UUID, event string, payload map[string]any) reply {
	s.t.Helper()
	return s.deliver(s.signed(id, event, payload))
}
