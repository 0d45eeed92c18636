package saga

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

type refundLog map[string]string

func (l refundLog) RecordSandboxRefund(_ context.Context, paymentID string, _ uuid.UUID, reason string) error {
	l[paymentID] = reason
	return nil
}

func newSandbox(t *testing.T, secret string) *Sandbox {
	t.Helper()
	s, err := NewSandbox("https://shop.example/base", []byte(secret), refundLog{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sandboxLink returns the query of a fresh link.
func sandboxLink(t *testing.T, s *Sandbox) url.Values {
	t.Helper()
	o := testOrder
	o.CreatedAt = time.Now()
	_, link, err := s.Initiate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(link, "https://shop.example/base/sandbox/pay?") {
		t.Errorf("link is %s", link)
	}
	return u.Query()
}

func TestSandboxLinkCarriesThePayment(t *testing.T) {
	t.Parallel()
	// Another replica, with the same secret, verifies it.
	got, err := newSandbox(t, "s3cret").Verify(sandboxLink(t, newSandbox(t, "s3cret")))
	if err != nil {
		t.Fatal(err)
	}
	want := order.Payment{ID: "sandbox-" + testOrder.ID.String(), OrderID: testOrder.ID, Money: testOrder.Total()}
	if got != want || !order.ValidPaymentID(got.ID) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSandboxPaymentIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "s3cret")
	id1, link1, _ := s.Initiate(t.Context(), testOrder)
	id2, link2, _ := s.Initiate(t.Context(), testOrder)
	if id1 != id2 || link1 != link2 {
		t.Errorf("%s %s, then %s %s", id1, link1, id2, link2)
	}
}

func TestTamperedSandboxLinkIsRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "s3cret")
	for name, value := range map[string]string{
		"order":    uuid.NewString(),
		"payment":  "sandbox-other",
		"amount":   "1",
		"currency": "USD",
		"expires":  "99999999999",
		"sig":      strings.Repeat("0", 64),
	} {
		for _, tampered := range []string{value, ""} {
			q := sandboxLink(t, s)
			q.Set(name, tampered)
			if _, err := s.Verify(q); order.CodeOf(err) != order.CodeBadSignature {
				t.Errorf("%s=%q: got %v", name, tampered, err)
			}
		}
	}
	if _, err := newSandbox(t, "other").Verify(sandboxLink(t, s)); order.CodeOf(err) != order.CodeBadSignature {
		t.Errorf("other secret: got %v", err)
	}
	if _, err := s.Verify(url.Values{}); order.CodeOf(err) != order.CodeBadSignature {
		t.Errorf("empty query: got %v", err)
	}
}

func TestSandboxLinkValuesCannotBeShifted(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "s3cret")
	q := sandboxLink(t, s)
	q.Set("amount", q.Get("amount")+"\n"+q.Get("currency"))
	q.Set("currency", q.Get("expires"))
	q.Del("expires")
	if _, err := s.Verify(q); order.CodeOf(err) != order.CodeBadSignature {
		t.Errorf("got %v", err)
	}
}

func TestSandboxLinkSignatureIsNoWebhookSignature(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "s3cret")
	if string(s.key) == "s3cret" {
		t.Error("links are signed with the webhook secret itself")
	}
}

func TestExpiredSandboxLinkIsRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, "s3cret")
	q := sandboxLink(t, s)
	s.now = func() time.Time { return time.Now().Add(sandboxLife + time.Hour) }
	if _, err := s.Verify(q); order.CodeOf(err) != order.CodeBadSignature || !strings.Contains(err.Error(), "expired") {
		t.Errorf("got %v", err)
	}
}

func TestSandboxRecordsRefunds(t *testing.T) {
	t.Parallel()
	log := refundLog{}
	s, err := NewSandbox("http://localhost:8080", []byte("s3cret"), log)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Refund(t.Context(), order.Payment{ID: "p1"}, "late"); err != nil || log["p1"] != "late" {
		t.Errorf("recorded %v, %v", log, err)
	}
}

func TestSandboxNeedsASecretAndAWebAddress(t *testing.T) {
	t.Parallel()
	if _, err := NewSandbox("http://localhost", nil, refundLog{}); err == nil {
		t.Error("no secret was taken")
	}
	for _, public := range []string{"", "localhost:8080", "file:///x", "http://%"} {
		if _, err := NewSandbox(public, []byte("s"), refundLog{}); err == nil {
			t.Errorf("%q was taken", public)
		}
	}
}

func FuzzSandboxVerify(f *testing.F) {
	s, err := NewSandbox("http://localhost", []byte("s3cret"), refundLog{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("order=1&payment=2&amount=3&currency=EUR&expires=4&sig=5")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if p, err := s.Verify(q); err == nil {
			t.Errorf("%q is a payment: %+v", query, p)
		}
	})
}
