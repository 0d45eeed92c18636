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

func newSandbox(t *testing.T, secrets ...string) *Sandbox {
	t.Helper()
	s, err := NewSandbox("https://shop.example/base", secrets, refundLog{})
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

func TestSandboxLinkOutlivesTheRotationOfItsSecret(t *testing.T) {
	t.Parallel()
	rotating := newSandbox(t, "new", "old")
	for name, c := range map[string]struct {
		signer, verifier *Sandbox
		good             bool
	}{
		"of the old secret":           {newSandbox(t, "old"), rotating, true},
		"of the new secret":           {rotating, newSandbox(t, "new"), true},
		"of a secret that is retired": {newSandbox(t, "old"), newSandbox(t, "new"), false},
		"signed with the old still":   {rotating, newSandbox(t, "old"), false},
		"of another secret":           {newSandbox(t, "other"), rotating, false},
		"to be verified by another":   {newSandbox(t, "old"), newSandbox(t, "other"), false},
	} {
		_, err := c.verifier.Verify(sandboxLink(t, c.signer))
		if c.good != (err == nil) || !c.good && order.CodeOf(err) != order.CodeBadSignature {
			t.Errorf("%s: got %v", name, err)
		}
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
	if string(s.keys[0]) == "s3cret" {
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
	s, err := NewSandbox("http://localhost:8080", []string{"s3cret"}, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Refund(t.Context(), order.Payment{ID: "p1"}, "late"); err != nil || log["p1"] != "late" {
		t.Errorf("recorded %v, %v", log, err)
	}
}

func TestSandboxNeedsASecretAndAWebAddress(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{nil, {""}, {"s", ""}} {
		if _, err := NewSandbox("http://localhost", secrets, refundLog{}); err == nil {
			t.Errorf("%q was taken as secrets", secrets)
		}
	}
	for _, public := range []string{"", "localhost:8080", "file:///x", "http://%"} {
		if _, err := NewSandbox(public, []string{"s"}, refundLog{}); err == nil {
			t.Errorf("%q was taken", public)
		}
	}
}

func FuzzSandboxVerify(f *testing.F) {
	s, err := NewSandbox("http://localhost", []string{"s3cret"}, refundLog{})
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
