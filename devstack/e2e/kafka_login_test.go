package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"order-service/devstack/kafka"
)

// The certificate of a client is renewed while it runs, here by one that another
// authority signed: from its next start on the broker believes no other.
func TestSaleGoesOnOverKafkaWithMutualTLSAndARenewedCertificate(t *testing.T) {
	t.Parallel()
	m := &mutual{t: t, servers: newAuthority(t), clients: newAuthority(t), server: newIdentity(t), client: newIdentity(t)}
	m.servers.issue(m.server, "broker")
	m.clients.issue(m.client, "order-service")
	b := m.newBroker()
	s := newShop(t, "KAFKA_BOOTSTRAP", b.address,
		"KAFKA_TLS_CA", m.servers.file, "KAFKA_TLS_CERT", m.client.cert, "KAFKA_TLS_KEY", m.client.key)
	s.login = []kgo.Opt{m.dial()}
	s.start("all")
	s.saleThrough(func(string) {
		b.stop()
		m.clients = newAuthority(t)
		m.clients.issue(m.client, "order-service")
		b.start()
	})
}

// mutual is a broker and its clients that show each other certificates.
type mutual struct {
	t                *testing.T
	servers, clients *authority // the latter is the one that the broker believes
	server, client   identity
}

func (m *mutual) newBroker() *broker {
	m.t.Helper()
	port := freePort(m.t)
	if os.Getenv("KAFKA_KIND") == "apache" {
		return startBroker(m.t, port, m.runApache(port))
	}
	return startBroker(m.t, port, m.runKfake(port))
}

func (m *mutual) runKfake(port int) func() (func() error, error) {
	cfg := kafka.Config{Port: port, Dir: m.t.TempDir()}
	return func() (func() error, error) {
		pair, err := tls.LoadX509KeyPair(m.server.cert, m.server.key)
		if err != nil {
			return nil, err
		}
		cfg.TLS = &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: m.clients.pool(),
		}
		return runKfake(cfg)()
	}
}

// runApache has the broker believe its own certificate as well, which it checks.
func (m *mutual) runApache(port int) func() (func() error, error) {
	cfg := apacheConfig(m.t, port)
	cfg.Client = m.dial()
	return func() (func() error, error) {
		cfg.Settings = fmt.Sprintf(`
listener.security.protocol.map=BROKER:SSL,CONTROLLER:PLAINTEXT
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=%s
ssl.truststore.type=PEM
ssl.truststore.location=%s
`, bundle(m.t, m.server.key, m.server.cert), bundle(m.t, m.clients.file, m.servers.file))
		return runApache(m.t, cfg)()
	}
}

// dial is how a client of the test dials.
func (m *mutual) dial() kgo.Opt {
	return kgo.DialTLSConfig(&tls.Config{
		RootCAs: m.servers.pool(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(m.client.cert, m.client.key)
			return &pair, err
		},
	})
}

// bundle is one file with what the others hold.
func bundle(t *testing.T, files ...string) string {
	t.Helper()
	var all []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	together := filepath.Join(t.TempDir(), "bundle.pem")
	write(t, together, all)
	return together
}

// lifetime is how long a token is good. The sale is longer.
const lifetime = 8 * time.Second

// Tokens are renewed by something beside the service, or by the service itself.
// The broker ends sessions of which the token has expired.
func TestSaleGoesOnOverKafkaWithTokensThatExpire(t *testing.T) {
	if os.Getenv("KAFKA_KIND") != "apache" {
		t.Skip("make test-real runs it: kfake knows no OAUTHBEARER")
	}
	t.Parallel()
	b := newBrokerWithTokens(t)
	file := filepath.Join(t.TempDir(), "token")
	keepFresh(t, file)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "shop" || secret != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": unsecured(lifetime), "token_type": "Bearer", "expires_in": lifetime.Seconds()})
	}))
	t.Cleanup(issuer.Close)
	for name, login := range map[string][]string{
		"from a file":           {"KAFKA_TOKEN_FILE", file},
		"by client credentials": {"KAFKA_OAUTH_TOKEN_URL", issuer.URL, "KAFKA_OAUTH_CLIENT_ID", "shop", "KAFKA_OAUTH_CLIENT_SECRET", "s3cret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, append(login, "KAFKA_BOOTSTRAP", b.address, "KAFKA_SASL_MECHANISM", "OAUTHBEARER")...)
			s.login = []kgo.Opt{withToken()}
			s.start("all")
			s.saleThrough(func(string) { time.Sleep(2 * lifetime) })
		})
	}
}

func newBrokerWithTokens(t *testing.T) *broker {
	t.Helper()
	port := freePort(t)
	cfg := apacheConfig(t, port)
	cfg.Settings = `
listener.security.protocol.map=BROKER:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=OAUTHBEARER
sasl.mechanism.inter.broker.protocol=OAUTHBEARER
connections.max.reauth.ms=600000
listener.name.broker.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
`
	cfg.Client = withToken()
	return startBroker(t, port, runApache(t, cfg))
}

// withToken is how a client of the test logs in.
func withToken() kgo.Opt { return kgo.SASL(oauth.Auth{Token: unsecured(time.Hour)}.AsMechanism()) }

// keepFresh keeps a token in file, as something beside a service does, until the
// test ends.
func keepFresh(t *testing.T, file string) {
	t.Helper()
	write(t, file, []byte(unsecured(lifetime)+"\n"))
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stopping:
				return
			case <-time.After(lifetime / 4):
				if err := replace(file, []byte(unsecured(lifetime)+"\n")); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	t.Cleanup(func() { close(stopping); <-stopped })
}

// unsecured is a JWT without a signature, which Apache Kafka takes unless it is
// told where the keys are.
func unsecured(lifetime time.Duration) string {
	now := time.Now()
	claims, _ := json.Marshal(map[string]any{"sub": "order-service", "iat": now.Unix(), "exp": now.Add(lifetime).Unix()})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(claims) + "."
}
