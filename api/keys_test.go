package api

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"order-service/linetest"
)

// A fetch that is not answered leaves the connection in use, for all that follow:
// tokens of a new key were refused for as long as a balancer had forgotten it.
func TestKeyServerIsReachedAgainAfterItsHTTP2ConnectionFellSilent(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked by %s", r.Proto)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	line := linetest.New(t, strings.TrimPrefix(server.URL, "https://"))
	transport := newKeysTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	transport.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: jwksTimeout}
	fetch := func() error {
		answer, err := client.Get("https://" + line.Address)
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	}
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	line.Freeze()
	line.Renew() // a new connection would be served

	begun := time.Now()
	err := fetch()
	for err != nil && time.Since(begun) < 4*jwksTimeout {
		err = fetch()
	}
	if err != nil {
		t.Errorf("not reached for %s: %v", time.Since(begun), err)
	}
}
