package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/MicahParks/jwkset"
)

// provider is an issuer that tells where its keys are.
type provider struct {
	*httptest.Server
	up     atomic.Bool
	keysAt atomic.Value // path of the key set
}

func newProvider(t *testing.T, key jwkset.JWKMarshal) *provider {
	t.Helper()
	p := new(provider)
	p.up.Store(true)
	p.keysAt.Store("/keys")
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !p.up.Load():
			http.Error(w, "down", http.StatusServiceUnavailable)
		case r.URL.Path == "/realm/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": p.realm(), "jwks_uri": p.URL + p.keysAt.Load().(string)})
		case r.URL.Path == p.keysAt.Load():
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{key}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) realm() string { return p.URL + "/realm" }

func TestTheKeySetIsWhereTheIssuerSays(t *testing.T) {
	t.Parallel()
	key, _ := signingKey(t, "k")
	p := newProvider(t, key)
	p.up.Store(false)
	a := newTestAuthenticator(t, JWTConfig{Discover: true, Issuer: p.realm()})
	if a.loaded.Load() {
		t.Error("keys were loaded without the issuer")
	}
	p.up.Store(true)
	if err := a.ready(t.Context()); err != nil {
		t.Errorf("the issuer is back: %v", err)
	}
}

func TestAKeySetThatMovedIsAskedForAnew(t *testing.T) {
	t.Parallel()
	key, _ := signingKey(t, "k")
	p := newProvider(t, key)
	client := http.Client{Transport: &discovery{issuer: p.realm(), next: p.Client().Transport}}
	get := func() int {
		response, err := client.Get(wellKnown(p.realm()))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	if status := get(); status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
	p.keysAt.Store("/moved")
	get() // tells that they are not there any more
	if status := get(); status != http.StatusOK {
		t.Errorf("answered %d after the keys had moved", status)
	}
}

func TestAnIssuerIsBelievedOnlyAboutItself(t *testing.T) {
	t.Parallel()
	d := &discovery{issuer: "https://login.example"}
	for name, c := range map[string]struct{ issuer, keys, want string }{
		"another issuer": {"https://evil.example", "https://login.example/keys", "speaks of the issuer"},
		"no keys":        {"https://login.example", "", "no jwks_uri"},
		"plain http":     {"https://login.example", "http://login.example/keys", "not https"},
	} {
		if _, err := d.judge(c.issuer, c.keys); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys, err := d.judge("https://login.example", "https://keys.example/k"); err != nil || keys.Host != "keys.example" {
		t.Errorf("%v, %v", keys, err)
	}
}

// saying is an issuer that answers every request with a text.
type saying string

func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(s)))}, nil
}

// FuzzDiscovery: whatever comes from where the issuer speaks of itself, its keys
// are fetched only from where it says, of itself, and as safely as it is asked.
func FuzzDiscovery(f *testing.F) {
	const issuer = "https://id.test/realm"
	for _, seed := range []string{
		`{"issuer":"https://id.test/realm","jwks_uri":"https://id.test/keys"}`, `{"issuer":"https://id.test","jwks_uri":"https://id.test/keys"}`,
		`{"issuer":"https://id.test/realm","jwks_uri":"http://id.test/keys"}`, `{"issuer":"https://id.test/realm","jwks_uri":"https:keys"}`,
		`{"issuer":"https://id.test/realm","jwks_uri":"//id.test/keys"}`, `{"issuer":["https://id.test/realm"]}`, `null`, `[]`, `{`, "",
		`{"ISSUER":"https://id.test/realm","jwks_uri":"https://[::1","jwks_uri":"https://%zz"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		d := &discovery{issuer: issuer, next: saying(document)}
		keys, err := d.find(httptest.NewRequest(http.MethodGet, wellKnown(issuer), nil))
		if (err == nil) != (keys != nil) || d.known() != keys {
			t.Fatalf("%q has keys at %v, %v", document, keys, err)
		}
		if keys != nil && (keys.Scheme != "https" || keys.Host == "" || !strings.Contains(strings.ToLower(document), "issuer")) {
			t.Fatalf("%q has keys at %v", document, keys)
		}
	})
}
