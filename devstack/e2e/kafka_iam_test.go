package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/twmb/franz-go/pkg/kgo"
	saslaws "github.com/twmb/franz-go/pkg/sasl/aws"

	"order-service/devstack/kafka"
)

// The agent of the container hands out new keys each time, and sessions are
// shorter than the sale.
func TestSaleGoesOnOverKafkaWithIAMAndKeysThatChange(t *testing.T) {
	t.Parallel()
	m := &msk{t: t}
	authority := newAuthority(t)
	s := newShop(t, "KAFKA_BOOTSTRAP", m.start(authority).address, "KAFKA_TLS_CA", authority.file, "KAFKA_SASL_MECHANISM", "AWS_MSK_IAM",
		"AWS_REGION", mskRegion, "AWS_CONTAINER_CREDENTIALS_FULL_URI", m.agent(), "AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod")
	s.login = []kgo.Opt{kgo.DialTLSConfig(&tls.Config{RootCAs: authority.pool()})}
	s.start("all")
	s.saleThrough(func(string) {
		before := m.expectLogins()
		time.Sleep(2 * lifetime)
		if after := m.expectLogins(); after == before {
			t.Errorf("nobody logged in anew after %d logins", before)
		}
	})
	m.expectLogins()
}

func TestMSKBelievesTheSecretOfAnAccessKeyAlone(t *testing.T) {
	t.Parallel()
	const host = "b-1.shop.a1b2c3.c4.kafka." + mskRegion + ".amazonaws.com"
	right := credentials("ASIA1")
	for secret, believed := range map[string]bool{right.SecretAccessKey: true, "another": false} {
		who := saslaws.Auth{AccessKey: right.AccessKeyID, SecretKey: secret, SessionToken: right.SessionToken}
		_, said, err := who.AsManagedStreamingIAMMechanism().Authenticate(t.Context(), host+":9098")
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(said, host); (err == nil) != believed {
			t.Errorf("with the secret %q: %v", secret, err)
		}
	}
}

const mskRegion = "eu-central-1"

// credentials belong to an access key. What is in them is not all that a URL
// may hold as it is.
func credentials(accessKey string) aws.Credentials {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: "secret/of+" + accessKey, SessionToken: "token/of+" + accessKey + "=="}
}

// judge holds what a client says against what AWS describes beside its own
// client (github.com/aws/aws-msk-iam-auth): the parameters of a URL that AWS'
// signer signs, in lower case, and three more.
func judge(said []byte, host string) error {
	var has map[string]string
	if err := json.Unmarshal(said, &has); err != nil {
		return err
	}
	at, err := time.Parse("20060102T150405Z", has["x-amz-date"])
	if err != nil {
		return err
	}
	if age := time.Since(at); age.Abs() > time.Minute {
		return fmt.Errorf("signed %v ago", age)
	}
	accessKey, _, _ := strings.Cut(has["x-amz-credential"], "/")
	want, err := presigned(host, credentials(accessKey), at)
	if err != nil {
		return err
	}
	for name, value := range want {
		if name = strings.ToLower(name); has[name] != value[0] {
			return fmt.Errorf("%s is %q, want %q", name, has[name], value[0])
		}
	}
	if len(has) != len(want)+3 || has["version"] != "2020_10_22" || has["host"] != host || has["user-agent"] == "" {
		return fmt.Errorf("besides what is signed there are to be version, host and user-agent: %v", has)
	}
	return nil
}

// presigned are the parameters of the URL as AWS' signer has them.
func presigned(host string, keys aws.Credentials, at time.Time) (url.Values, error) {
	req, err := http.NewRequest(http.MethodGet, "https://"+host+"/?Action=kafka-cluster%3AConnect&X-Amz-Expires=900", nil)
	if err != nil {
		return nil, err
	}
	empty := sha256.Sum256(nil)
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), keys, req, hex.EncodeToString(empty[:]), "kafka-cluster", mskRegion, at)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(signed)
	if err != nil {
		return nil, err
	}
	return u.Query(), nil
}

// msk is what AWS does and sees.
type msk struct {
	t *testing.T

	mu      sync.Mutex
	keys    int // handed out
	logins  int
	refused []error
}

// start runs a broker that asks m who a client is.
func (m *msk) start(a *authority) *broker {
	m.t.Helper()
	id, port := a.issue(newIdentity(m.t), "broker"), freePort(m.t)
	pair, err := tls.LoadX509KeyPair(id.cert, id.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return startBroker(m.t, port, runKfake(kafka.Config{
		Port: port, Dir: m.t.TempDir(), TLS: &tls.Config{Certificates: []tls.Certificate{pair}},
		Login: &kafka.Login{Mechanism: "AWS_MSK_IAM", Lifetime: lifetime, Judge: m.login},
	}))
}

func (m *msk) login(said []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := judge(said, "127.0.0.1"); err != nil {
		m.refused = append(m.refused, err)
		return nil, err
	}
	m.logins++
	return []byte(`{"version":"2020_10_22","request-id":"1"}`), nil
}

// agent is EKS Pod Identity's, by its URL.
func (m *msk) agent() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		m.mu.Lock()
		m.keys++
		now := credentials(fmt.Sprintf("ASIA%d", m.keys))
		m.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]string{"AccessKeyId": now.AccessKeyID, "SecretAccessKey": now.SecretAccessKey, "Token": now.SessionToken})
	}))
	m.t.Cleanup(server.Close)
	return server.URL
}

// expectLogins expects that there were some, and none refused.
func (m *msk) expectLogins() int {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logins == 0 || len(m.refused) > 0 {
		m.t.Errorf("%d logins, and refused were %v", m.logins, m.refused)
	}
	return m.logins
}
