package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"order-service/order"
)

// fuzzed is a server without a socket, and what stands behind it.
type fuzzed struct {
	*Server
	shop     *shop
	accepted []order.Request
}

func newFuzzed(f *testing.F) *fuzzed {
	f.Helper()
	z := &fuzzed{shop: newShop()}
	deps := z.shop.deps()
	deps.Intake = z
	s, err := New(testConfig(), deps)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	_ = s.app.Handler() // builds Fiber's routes
	z.Server = s
	return z
}

func (*fuzzed) Refusal() error { return nil }

func (z *fuzzed) Accept(_ context.Context, r order.Request) (uuid.UUID, error) {
	z.accepted = append(z.accepted, r)
	return uuid.New(), nil
}

// recorder is a connection that keeps what is written to it.
type recorder struct {
	memoryConn
	written bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) { return r.written.Write(p) }

// send returns the status of the answer. Whatever a client sends, the answer is
// never that the service is at fault.
func (z *fuzzed) send(t *testing.T, method, path string, header http.Header, body []byte) int {
	t.Helper()
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", method, path, len(body))
	_ = header.Write(&request) // a buffer takes all
	fmt.Fprintf(&request, "\r\n%s", body)
	conn := &recorder{memoryConn: memoryConn{next: pieces(request.Bytes(), 4096)}}
	served := z.app.Server().ServeConn(guarded(conn)) // an error tells of what was refused
	answer, err := http.ReadResponse(bufio.NewReader(&conn.written), nil)
	if err != nil {
		t.Fatal(err, served)
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		t.Fatalf("%s %s with %q is answered %s", method, path, body, answer.Status)
	}
	return answer.StatusCode
}

// bearing is the header of an administrator, who may do everything.
func bearing(f *testing.F) http.Header {
	f.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": testIssuer, "userId": "admin", "roles": []role{roleUser, roleAdmin}, "exp": time.Now().Add(24 * time.Hour).Unix(),
	}).SignedString([]byte(testSecret))
	if err != nil {
		f.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + text}}
}

// FuzzOrder: what the intake is given is a valid request, whatever was sent.
func FuzzOrder(f *testing.F) {
	f.Add([]byte(`{"productId":"lamp","quantity":1,"unitPrice":1999}`))
	f.Add([]byte(`{"productId":"a/b","quantity":1001,"unitPrice":-1}`))
	f.Add([]byte(`{"productId":"lamp","quantity":1e3}`))
	f.Add([]byte(`{"productId":"lamp","quantity":9223372036854775808}`))
	z, header := newFuzzed(f), bearing(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		z.accepted = nil
		status := z.send(t, "POST", "/orders", header, body)
		if (status == http.StatusAccepted) != (len(z.accepted) == 1) {
			t.Fatalf("%q is answered %d, accepted %v", body, status, z.accepted)
		}
		for _, r := range z.accepted {
			if err := r.Validate(); err != nil {
				t.Errorf("%q was accepted: %v", body, err)
			}
		}
	})
}

// FuzzProduct: what is stored is a valid product, whatever an administrator
// wrote.
func FuzzProduct(f *testing.F) {
	f.Add([]byte(`{"name":"Lamp","unitPrice":1999,"currency":"EUR","stock":10,"perUserLimit":2}`))
	f.Add([]byte(`{"name":"Lamp","unitPrice":0,"currency":"JPY","stock":0,"startsAt":"2026-01-31T12:00:00Z","endsAt":"9999-12-31T23:59:59-01:00"}`))
	f.Add([]byte(`{"name":"","unitPrice":9007199254740993,"currency":"eur","stock":-1,"perUserLimit":4294967297,"startsAt":""}`))
	z, header := newFuzzed(f), bearing(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		delete(z.shop.products, "lamp")
		status := z.send(t, "PUT", "/admin/products/lamp", header, body)
		p, stored := z.shop.products["lamp"]
		if (status == http.StatusOK) != stored {
			t.Fatalf("%q is answered %d, stored %t", body, status, stored)
		}
		if stored && p.Validate() != nil {
			t.Errorf("%q was stored: %v", body, p.Validate())
		}
	})
}

// FuzzWebhook: a signed report is recorded as a valid payment or refused,
// whatever the provider has written.
func FuzzWebhook(f *testing.F) {
	f.Add([]byte(`{"paymentId":"p1","amount":3998,"currency":"EUR"}`), true)
	f.Add([]byte(`{"paymentId":"p 1","amount":-1,"currency":"€"}`), true)
	f.Add([]byte(`{"paymentId":"p1","reason":"insufficient \u0000 funds","extra":[{"a":null}]}`), false)
	f.Add([]byte(`{"paymentId":"p1","orderId":7,"type":"payment.failed"}`), false)
	z := newFuzzed(f)
	o := z.shop.put("alice", order.PaymentPending)
	f.Fuzz(func(t *testing.T, body []byte, paid bool) {
		clear(z.shop.payments)
		path := "/orders/" + o.ID.String() + "/payment-failure"
		if paid {
			path = "/orders/" + o.ID.String() + "/payment-success"
		}
		header, err := z.webhooks.sign("msg_1", body)
		if err != nil {
			t.Fatal(err)
		}
		status := z.send(t, "POST", path, header, body)
		if status == http.StatusUnauthorized || status == http.StatusOK && len(z.shop.payments) != 1 {
			t.Fatalf("%q is answered %d, recorded %v", body, status, z.shop.payments)
		}
		for p := range maps.Values(z.shop.payments) {
			if err := validPayment(p); err != nil {
				t.Errorf("%q was recorded: %v", body, err)
			}
		}
	})
}

// FuzzForgedWebhook: nobody without the secret is believed.
func FuzzForgedWebhook(f *testing.F) {
	now := fmt.Sprint(time.Now().Unix())
	f.Add("msg_1", now, "v1,", []byte(`{}`))
	f.Add("msg_1", now, "v1,MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw v1a,x ,", []byte(`{"paymentId":"p1"}`))
	f.Add("", "-9223372036854775808", "v1", []byte(nil))
	z := newFuzzed(f)
	o := z.shop.put("alice", order.PaymentPending)
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		header := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signature}}
		if status := z.send(t, "POST", "/orders/"+o.ID.String()+"/payment-success", header, body); status == http.StatusOK || len(z.shop.payments) > 0 {
			t.Fatalf("a forged webhook is answered %d", status)
		}
	})
}
