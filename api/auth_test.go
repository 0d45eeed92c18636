package api

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"

	"order-service/order"
)

func claimsWith(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": testIssuer, "userId": "ann", "roles": []string{"ROLE_USER"}, "exp": time.Now().Add(time.Hour).Unix(),
	}
	if change != nil {
		change(c)
	}
	return c
}

func TestBadTokensOrderNothing(t *testing.T) {
	hs256 := func(change func(jwt.MapClaims)) string {
		return signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(change))
	}
	set := func(name string, value any) string { return hs256(func(c jwt.MapClaims) { c[name] = value }) }
	without := func(name string) string { return hs256(func(c jwt.MapClaims) { delete(c, name) }) }
	good := hs256(nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")

	shop := newShop()
	site := serve(t, shop)
	for name, c := range map[string]struct {
		header string
		code   order.Code
	}{
		"missing":            {"", order.CodeUnauthenticated},
		"not bearer":         {"Basic YW5uOmFubg==", order.CodeUnauthenticated},
		"empty":              {"Bearer ", order.CodeUnauthenticated},
		"garbage":            {"Bearer a.b.c", order.CodeUnauthenticated},
		"unsigned":           {"Bearer " + parts[0] + "." + parts[1] + ".", order.CodeUnauthenticated},
		"wrong secret":       {"Bearer " + signed(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), claimsWith(nil)), order.CodeUnauthenticated},
		"alg none":           {"Bearer " + signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsWith(nil)), order.CodeUnauthenticated},
		"alg HS512":          {"Bearer " + signed(t, jwt.SigningMethodHS512, []byte(testSecret), claimsWith(nil)), order.CodeUnauthenticated},
		"alg ES256":          {"Bearer " + signed(t, jwt.SigningMethodES256, key, claimsWith(nil)), order.CodeUnauthenticated},
		"expired":            {"Bearer " + set("exp", time.Now().Add(-time.Minute).Unix()), order.CodeUnauthenticated},
		"no expiry":          {"Bearer " + without("exp"), order.CodeUnauthenticated},
		"not yet valid":      {"Bearer " + set("nbf", time.Now().Add(time.Minute).Unix()), order.CodeUnauthenticated},
		"other issuer":       {"Bearer " + set("iss", "someone-else"), order.CodeUnauthenticated},
		"no issuer":          {"Bearer " + without("iss"), order.CodeUnauthenticated},
		"no user":            {"Bearer " + without("userId"), order.CodeUnauthenticated},
		"user with NUL":      {"Bearer " + set("userId", "a\x00b"), order.CodeUnauthenticated},
		"user too long":      {"Bearer " + set("userId", strings.Repeat("a", 129)), order.CodeUnauthenticated},
		"user not text":      {"Bearer " + set("userId", 7), order.CodeUnauthenticated},
		"roles not text":     {"Bearer " + set("roles", []int{7}), order.CodeUnauthenticated},
		"two roles in one":   {"Bearer " + set("roles", "ROLE_USER ROLE_ADMIN"), order.CodeForbidden},
		"no roles":           {"Bearer " + without("roles"), order.CodeForbidden},
		"other role":         {"Bearer " + set("roles", []string{"ROLE_GUEST"}), order.CodeForbidden},
		"admin, not a buyer": {"Bearer " + set("roles", []string{"ROLE_ADMIN"}), order.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.with(t)
			h := []string{"Authorization", c.header}
			if c.header == "" {
				h = nil
			}
			a := s.call("POST", "/orders", `{"productId":"lamp","quantity":1}`, h...)
			a.problem(t, kinds[c.code].status, c.code)
			if c.code == order.CodeUnauthenticated && a.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Error("no challenge")
			}
			if !shop.untouched() {
				t.Error("something was written or held")
			}
		})
	}
}

// Where issuer, audience, keys or claims are set wrong, every buyer is refused, and
// no answer says why. That tokens grow old is no news.
func TestWhyATokenIsRefusedIsLogged(t *testing.T) {
	for name, c := range map[string]struct {
		change func(jwt.MapClaims)
		said   string
	}{
		"issuer":   {func(c jwt.MapClaims) { c["iss"] = "someone-else" }, "issuer"},
		"audience": {func(c jwt.MapClaims) { c["aud"] = "another-api" }, "audience"},
		"roles":    {func(c jwt.MapClaims) { c["roles"] = []string{"buyer"} }, `"needs":["ROLE_USER"],"has":`},
		"age":      {func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := serve(t, newShop(), func(cfg *Config, _ *Deps) {
				cfg.Log, cfg.JWT.Audience = zerolog.New(&log).Level(zerolog.WarnLevel), "orders"
			})
			claims := claimsWith(func(claim jwt.MapClaims) { claim["aud"] = "orders"; c.change(claim) })
			token := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claims)
			for range 2 { // at a low rate: anybody may send such tokens
				if a := s.call("GET", "/orders", "", "Authorization", "Bearer "+token); a.StatusCode != 401 && a.StatusCode != 403 {
					t.Errorf("answered %d", a.StatusCode)
				}
			}
			if text := log.String(); !strings.Contains(text, c.said) || strings.Count(text, "\n") != min(len(c.said), 1) || strings.Contains(text, token) {
				t.Errorf("the log says\n%s", text)
			}
		})
	}
}

func TestUserIsUserIDElseSubject(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	for _, c := range []jwt.MapClaims{
		claimsWith(func(c jwt.MapClaims) { c["sub"] = "other" }),
		claimsWith(func(c jwt.MapClaims) { delete(c, "userId"); c["sub"] = "ann" }),
	} {
		bearer := "Bearer " + signed(t, jwt.SigningMethodHS256, []byte(testSecret), c)
		s.call("POST", "/orders", `{"productId":"lamp","quantity":1}`, "Authorization", bearer).ok(t)
	}
	for _, o := range shop.orders {
		if o.UserID != "ann" {
			t.Errorf("the order is %q's", o.UserID)
		}
	}
}

func TestOneRoleMayBeATextInsteadOfAList(t *testing.T) {
	s := serve(t, newShop())
	one := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(func(c jwt.MapClaims) { c["roles"] = "ROLE_USER" }))
	s.call("POST", "/orders", lamp, "Authorization", "Bearer "+one).ok(t)
	s.call("GET", "/admin/products/lamp", "", "Authorization", "Bearer "+one).problem(t, 403, order.CodeForbidden)
}

func TestAudienceIsCheckedWhenConfigured(t *testing.T) {
	s := serve(t, newShop(), func(c *Config, _ *Deps) { c.JWT.Audience = "shop" })
	s.as("ann", "GET", "/orders", "").problem(t, 401, order.CodeUnauthenticated)
	mine := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(func(c jwt.MapClaims) { c["aud"] = []string{"x", "shop"} }))
	s.call("GET", "/orders", "", "Authorization", "Bearer "+mine).ok(t)
}

func TestCookieIsForStreamsOnly(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	cookie := []string{"Cookie", "access_token=" + token(t, "ann")}
	s.call("GET", "/orders/events", "", cookie...).ok(t)
	s.call("GET", "/orders", "", cookie...).problem(t, 401, order.CodeUnauthenticated)
	s.call("POST", "/orders", `{"productId":"lamp","quantity":1}`, cookie...).problem(t, 401, order.CodeUnauthenticated)
	s.call("GET", "/orders/events?access_token="+token(t, "ann"), "").problem(t, 401, order.CodeUnauthenticated)
}

// keyServer publishes one ES256 key, while up.
func keyServer(t *testing.T, key *ecdsa.PrivateKey, up *atomic.Bool) *httptest.Server {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: "k1", ALG: jwkset.AlgES256, USE: jwkset.UseSig}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{jwk.Marshal()}})
	}))
	t.Cleanup(server.Close)
	return server
}

func TestWhileNoKeySetWasEverLoadedTokensAreUnavailableAndNothingIsReady(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var up atomic.Bool
	keys := keyServer(t, key, &up)
	s := serve(t, newShop(), func(c *Config, _ *Deps) {
		c.JWT = JWTConfig{JWKSURL: keys.URL, Issuer: testIssuer}
		c.DevLogin = false
	})
	sign := func(kid string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodES256, claimsWith(nil))
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + text
	}
	s.call("GET", "/orders", "", "Authorization", sign("k1")).problem(t, 503, order.CodeUnavailable)
	s.call("GET", "/orders", "", "Authorization", "Bearer a.b.c").problem(t, 401, order.CodeUnauthenticated)
	s.ready.Forget()
	if a := s.call("GET", "/readyz", ""); a.StatusCode != 503 || !strings.Contains(string(a.body), `"token keys":"down"`) {
		t.Errorf("ready without a key: %d %s", a.StatusCode, a.body)
	}
	lines := s.Checks() // as they are exported
	if last := lines[len(lines)-1]; last.Name != "token keys" || last.Ping(t.Context()) == nil {
		t.Errorf("who scrapes is told %+v", lines)
	}
	up.Store(true)
	for again := time.Now().Add(20 * time.Second); time.Now().Before(again); time.Sleep(250 * time.Millisecond) {
		if s.call("GET", "/readyz", "").StatusCode == 200 { // asks for the keys, once in ten seconds
			break
		}
	}
	s.call("GET", "/orders", "", "Authorization", sign("k1")).ok(t)
	s.call("GET", "/orders", "", "Authorization", sign("k2")).problem(t, 401, order.CodeUnauthenticated)
	s.as("ann", "GET", "/orders", "").problem(t, 401, order.CodeUnauthenticated) // HS256 is not configured
}
