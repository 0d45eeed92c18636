package saga

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"order-service/linetest"
)

// A call that is not answered ends by its time and leaves the connection in use,
// for all that follow: orders failed for as long as a balancer had forgotten it.
func TestProviderIsReachedAgainAfterItsHTTP2ConnectionFellSilent(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked by %s", r.Proto)
		}
		_, _ = io.WriteString(w, `{"paymentId":"pay-1","paymentLink":"https://pay.example/1"}`)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	line := linetest.New(t, strings.TrimPrefix(server.URL, "https://"))
	p, err := NewHTTPProvider(ProviderConfig{URL: "https://" + line.Address, TLS: &tls.Config{RootCAs: known}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if _, _, err := p.Initiate(t.Context(), testOrder); err != nil {
		t.Fatal(err)
	}
	line.Freeze()
	line.Renew() // a new connection would be served

	begun := time.Now()
	for time.Since(begun) < 3*providerTimeout {
		if _, _, err = p.Initiate(t.Context(), testOrder); err == nil {
			return
		}
	}
	t.Errorf("not reached for %s: %v", time.Since(begun), err)
}
