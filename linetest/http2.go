package linetest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// NewHTTP2 opens a line to a TLS server with handler, which ends with the test and
// fails it when it is asked by anything but HTTP/2. The configuration trusts it.
func NewHTTP2(t testing.TB, handler http.HandlerFunc) (*Line, *tls.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked by %s", r.Proto)
		}
		handler(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	return New(t, strings.TrimPrefix(server.URL, "https://")), &tls.Config{RootCAs: known}
}
