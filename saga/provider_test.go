package saga

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"order-service/order"
)

// provider serves one answer to every request and keeps the last one.
type provider struct {
	*HTTPProvider
	status int
	answer string

	path, key, bearer string
	body              map[string]any
}

func newProvider(t *testing.T, status int, answer string) *provider {
	t.Helper()
	p := &provider{status: status, answer: answer}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	var err error
	if p.HTTPProvider, err = NewHTTPProvider(ProviderConfig{URL: server.URL + "/api/", Concurrency: 4, APIKey: func() (string, error) { return "sk_test", nil }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.path, p.key, p.bearer = r.Method+" "+r.URL.Path, r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization")
	if err := json.NewDecoder(r.Body).Decode(&p.body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if p.status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(p.status)
	_, _ = w.Write([]byte(p.answer))
}

var testOrder = order.Order{
	ID: uuid.MustParse("0190a0b0-0000-7000-8000-000000000001"), UserID: "u1", Amount: 3998, Currency: "EUR",
}

func TestInitiateSendsTheOrderUnderItsOwnKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t, 200, `{"paymentId":"pay-1","paymentLink":"https://pay.example/1"}`)
	id, link, err := p.Initiate(t.Context(), testOrder)
	if err != nil || id != "pay-1" || link != "https://pay.example/1" {
		t.Fatalf("got %q %q %v", id, link, err)
	}
	if p.path != "POST /api/payments/initiate" || p.key != testOrder.ID.String() {
		t.Errorf("sent %s with key %s", p.path, p.key)
	}
	if p.body["orderId"] != testOrder.ID.String() || p.body["userId"] != "u1" || p.body["amount"] != 3998.0 || p.body["currency"] != "EUR" {
		t.Errorf("sent %v", p.body)
	}
}

func TestRefundSendsThePaymentUnderItsOwnKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t, 204, "")
	if err := p.Refund(t.Context(), order.Payment{ID: "pay-1", OrderID: testOrder.ID}, "late"); err != nil {
		t.Fatal(err)
	}
	if p.bearer != "Bearer sk_test" {
		t.Errorf("sent %q as authorization", p.bearer)
	}
	if p.path != "POST /api/payments/refund" || p.key != "refund-pay-1" {
		t.Errorf("sent %s with key %s", p.path, p.key)
	}
	if p.body["orderId"] != testOrder.ID.String() || p.body["paymentId"] != "pay-1" || p.body["reason"] != "late" {
		t.Errorf("sent %v", p.body)
	}
}

func TestProviderErrorsAreSortedByWhetherTheyPass(t *testing.T) {
	t.Parallel()
	for status, permanent := range map[int]bool{
		302: false, 400: true, 402: true, 410: true, 422: true, 401: false, 403: false, 404: false, 407: false,
		408: false, 409: false, 425: false, 429: false, 500: false, 503: false,
	} {
		p := newProvider(t, status, "{}")
		_, _, err := p.Initiate(t.Context(), testOrder)
		if err == nil || order.Permanent(err) != permanent {
			t.Errorf("%d: %v, permanent %v, want %v", status, err, order.Permanent(err), permanent)
		}
		if p.path != "POST /api/payments/initiate" {
			t.Errorf("%d: followed to %s", status, p.path)
		}
	}
}

func TestAnswersThatAreNoPaymentAreRefused(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"empty":        ``,
		"not JSON":     `<html>`,
		"no id":        `{"paymentLink":"https://pay.example/1"}`,
		"spaced id":    `{"paymentId":"a b","paymentLink":"https://pay.example/1"}`,
		"long id":      `{"paymentId":"` + strings.Repeat("x", 201) + `","paymentLink":"https://pay.example/1"}`,
		"no link":      `{"paymentId":"pay-1"}`,
		"script link":  `{"paymentId":"pay-1","paymentLink":"javascript:alert(1)"}`,
		"endless":      `{"paymentId":"pay-1","paymentLink":"https://pay.example/` + strings.Repeat("x", maxAnswer) + `"}`,
		"host is gone": `{"paymentId":"pay-1","paymentLink":"https:///1"}`,
	} {
		_, _, err := newProvider(t, 200, answer).Initiate(t.Context(), testOrder)
		if err == nil || order.Permanent(err) {
			t.Errorf("%s: got %v, want an error that may pass", name, err)
		}
	}
}

func TestUnreachableProviderMayPass(t *testing.T) {
	t.Parallel()
	p, err := NewHTTPProvider(ProviderConfig{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), providerTimeout)
	defer cancel()
	if err := p.Refund(ctx, order.Payment{ID: "pay-1"}, ""); err == nil || order.Permanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestProviderURLMustBeWeb(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "pay.example", "ftp://pay.example", "http://", "http://%"} {
		if _, err := NewHTTPProvider(ProviderConfig{URL: base}); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
}

// A provider that asks for a certificate is shown ours, and one whose authority
// nobody knows is not spoken to.
func TestProviderOverMutualTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	for name, c := range map[string]struct {
		security *tls.Config
		served   bool
	}{
		"both":           {&tls.Config{RootCAs: known, Certificates: server.TLS.Certificates}, true},
		"no certificate": {&tls.Config{RootCAs: known}, false},
		"no authority":   {nil, false},
	} {
		p, err := NewHTTPProvider(ProviderConfig{URL: server.URL, TLS: c.security})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Refund(t.Context(), order.Payment{ID: "pay-1"}, ""); (err == nil) != c.served || order.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
		p.Close()
	}
}

// Who writes a provider goes by what is described: a 403 that ends no order, or
// one that ends all, must not come as a surprise.
func TestDescriptionSaysWhichAnswersOfTheProviderAreRepeated(t *testing.T) {
	text, err := os.ReadFile("../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`Any 2xx is success\. ([0-9, ]+), 5xx`).FindSubmatch(text)
	if said == nil {
		t.Fatal("openapi.yaml does not say which are repeated")
	}
	repeated := strings.Split(string(said[1]), ", ")
	for code := 400; code < 500; code++ {
		passes := !order.Permanent(checkStatus(&http.Response{StatusCode: code}))
		if described := slices.Contains(repeated, strconv.Itoa(code)); described != passes {
			t.Errorf("%d is repeated: %t, and described so: %t", code, passes, described)
		}
	}
}
