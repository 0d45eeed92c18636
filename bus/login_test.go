package bus

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// said is what the mechanism says first to a broker.
func said(t *testing.T, l Login) (string, error) {
	t.Helper()
	m, err := l.mechanism()
	if err != nil {
		t.Fatal(err)
	}
	if m.Name() != l.Mechanism {
		t.Errorf("the mechanism is %s, want %s", m.Name(), l.Mechanism)
	}
	_, first, err := m.Authenticate(t.Context(), "b-1.shop.kafka.eu-central-1.amazonaws.com:9098")
	return string(first), err
}

func always(s string) secret { return func() (string, error) { return s, nil } }

func TestEveryMechanismSaysWhoThisIs(t *testing.T) {
	t.Parallel()
	for mechanism, want := range map[string]string{
		"PLAIN":         "\x00shop\x00p",
		"SCRAM-SHA-256": "n=shop",
		"SCRAM-SHA-512": "n=shop",
		"OAUTHBEARER":   "n,,\x01auth=Bearer t\x01identityPoolId=pool-1\x01logicalCluster=lkc-1\x01\x01",
		"AWS_MSK_IAM":   "AKIA1/",
	} {
		first, err := said(t, Login{
			Mechanism: mechanism, Username: "shop", Password: always("p"), Token: always("t"),
			Extensions: []string{"logicalCluster=lkc-1", "identityPoolId=pool-1"},
			AWS:        AWSKeys{AccessKey: always("AKIA1"), SecretKey: always("s")},
		})
		if err != nil || !strings.Contains(first, want) {
			t.Errorf("%s: %q, %v; want %q", mechanism, first, err, want)
		}
	}
	if _, err := (Login{Mechanism: "GSSAPI"}).mechanism(); err == nil {
		t.Error("GSSAPI was accepted")
	}
}

func TestASecretThatWasReplacedIsUsedForTheNextConnection(t *testing.T) {
	t.Parallel()
	for mechanism, login := range map[string]func(secret) Login{
		"PLAIN":       func(s secret) Login { return Login{Username: "shop", Password: s} },
		"OAUTHBEARER": func(s secret) Login { return Login{Token: s} },
		"AWS_MSK_IAM": func(s secret) Login { return Login{AWS: AWSKeys{AccessKey: s, SecretKey: s}} },
	} {
		asked := 0
		l := login(func() (string, error) { asked++; return fmt.Sprintf("secret-%d-", asked), nil })
		l.Mechanism = mechanism
		m, err := l.mechanism()
		if err != nil {
			t.Fatal(err)
		}
		var before string
		for range 2 {
			_, first, err := m.Authenticate(t.Context(), "b-1.shop.kafka.eu-central-1.amazonaws.com:9098")
			if err != nil || string(first) == before || !strings.Contains(string(first), "secret-") {
				t.Errorf("%s: %q after %q, %v", mechanism, first, before, err)
			}
			before = string(first)
		}
	}
}

func TestASecretThatCannotBeReadFailsTheLogin(t *testing.T) {
	t.Parallel()
	gone := errors.New("the file is gone")
	lost := func() (string, error) { return "", gone }
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"} {
		_, err := said(t, Login{Mechanism: mechanism, Password: lost, Token: lost, AWS: AWSKeys{AccessKey: lost}})
		if !errors.Is(err, gone) {
			t.Errorf("%s: %v", mechanism, err)
		}
	}
}

func TestATokenOfTheIssuerIsUsedUntilItExpires(t *testing.T) {
	t.Parallel()
	lifetimes := []int{1, 3600} // of the tokens, in seconds; one that is about to end is not used again
	asked := 0
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, password, _ := r.BasicAuth()
		if id != "shop" || password != "s3cret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked++
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer", "expires_in": %d}`, asked, lifetimes[asked-1])
	}))
	t.Cleanup(issuer.Close)
	client := OAuthClient{TokenURL: issuer.URL, ID: "shop", Scopes: []string{"kafka"}, Secret: always("s3cret")}
	m, err := Login{Mechanism: "OAUTHBEARER", Client: client}.mechanism()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"token-1", "token-2", "token-2"} {
		_, first, err := m.Authenticate(t.Context(), "broker:9092")
		if err != nil || !strings.Contains(string(first), "Bearer "+want+"\x01") {
			t.Errorf("%q, %v; want %s", first, err, want)
		}
	}
	client.Secret = always("wrong")
	if _, err := said(t, Login{Mechanism: "OAUTHBEARER", Client: client}); err == nil {
		t.Error("a wrong secret was accepted")
	}
}

func TestAContainersCredentialsComeFromItsAgent(t *testing.T) {
	t.Parallel()
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprint(w, `{"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "Token": "session-1", "Expiration": "2030-01-01T00:00:00Z"}`)
	}))
	t.Cleanup(agent.Close)
	first, err := said(t, Login{Mechanism: "AWS_MSK_IAM", AWS: AWSKeys{ContainerURL: agent.URL, ContainerToken: always("pod")}})
	if err != nil || !strings.Contains(first, "ASIA1/") || !strings.Contains(first, "session-1") {
		t.Errorf("%q, %v", first, err)
	}
	for name, keys := range map[string]AWSKeys{"refused": {ContainerURL: agent.URL}, "nothing to ask": {}} {
		if _, err := said(t, Login{Mechanism: "AWS_MSK_IAM", AWS: keys}); err == nil {
			t.Errorf("%s: credentials came from nowhere", name)
		}
	}
}
