package e2e

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// What stands before Temporal wants a certificate and a key, and both are
// replaced while the service runs.
func TestSaleGoesOnOverTemporalWithACertificateAndAKeyThatAreReplaced(t *testing.T) {
	t.Parallel()
	servers := newAuthority(t)
	g := &guardian{t: t, server: servers.issue(newIdentity(t), "temporal")}
	client, file := newIdentity(t), filepath.Join(t.TempDir(), "key")
	renew := func(key string) {
		believed := newAuthority(t)
		believed.issue(client, "order-service")
		write(t, file, []byte(key+"\n"))
		g.clients.Store(believed)
		g.key.Store(&key)
	}
	renew("first")
	front := g.start()
	s := newShop(t, "TEMPORAL_ADDRESS", front.Listener.Addr().String(), "TEMPORAL_API_KEY_FILE", file,
		"TEMPORAL_TLS_SERVER_CA_CERT_PATH", servers.file,
		"TEMPORAL_TLS_CLIENT_CERT_PATH", client.cert, "TEMPORAL_TLS_CLIENT_KEY_PATH", client.key)
	s.start("all")
	s.saleThrough(func(string) {
		renew("second")
		front.CloseClientConnections()
	})
}

// guardian lets those through to Temporal who show a certificate of clients and
// a key.
type guardian struct {
	t       *testing.T
	server  identity
	clients atomic.Pointer[authority]
	key     atomic.Pointer[string]
}

func (g *guardian) start() *httptest.Server {
	g.t.Helper()
	pair, err := tls.LoadX509KeyPair(g.server.cert, g.server.key)
	if err != nil {
		g.t.Fatal(err)
	}
	var unencrypted http.Protocols
	unencrypted.SetUnencryptedHTTP2(true)
	behind := &url.URL{Scheme: "http", Host: os.Getenv("TEMPORAL_ADDRESS")}
	through := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(behind) },
		Transport:     &http.Transport{Protocols: &unencrypted},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+*g.key.Load() {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "16") // unauthenticated
			return
		}
		through.ServeHTTP(w, r)
	}))
	front.EnableHTTP2 = true
	front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{
			Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: g.clients.Load().pool(),
		}, nil
	}}
	front.StartTLS()
	g.t.Cleanup(front.Close)
	return front
}
