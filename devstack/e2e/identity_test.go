package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"order-service/order"
)

// issuer is an identity provider: it signs tokens of any shape, and says by OpenID
// Connect Discovery where its keys are.
type issuer struct {
	t   *testing.T
	key *rsa.PrivateKey
	url string // the iss
}

// newIssuer has an issuer whose name ends with path, which Auth0's does with a slash.
func newIssuer(t *testing.T, path string) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, key: key}
	routes := http.NewServeMux()
	routes.HandleFunc("GET "+strings.TrimSuffix(path, "/")+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.url, "jwks_uri": strings.TrimSuffix(i.url, path) + "/keys"})
	})
	routes.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "today",
			"n": encoded(key.N.Bytes()), "e": encoded(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	i.url = server.URL + path
	return i
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// sign makes a token of claims (RFC 7515, RS256), which get iss, iat and exp.
func (i *issuer) sign(claims map[string]any) string {
	i.t.Helper()
	all := map[string]any{"iss": i.url, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	text, err := json.Marshal(all)
	if err != nil {
		i.t.Fatal(err)
	}
	signed := encoded([]byte(`{"alg":"RS256","typ":"JWT","kid":"today"}`)) + "." + encoded(text)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Fatal(err)
	}
	return signed + "." + encoded(signature)
}

// recipe is what docs/identity.md has for a provider: the end of its issuer's name,
// the settings, and what its tokens say of a shop keeper, of a buyer, and of
// someone who may do nothing here.
type recipe struct {
	path                     string
	settings                 []string
	keeper, buyer, forbidden map[string]any
	forbids                  int // the status that the last one gets
}

var recipes = map[string]recipe{
	"Keycloak": {
		"/realms/shop", []string{"JWT_AUDIENCE", "shop", "JWT_ROLES_CLAIM", "realm_access.roles", "JWT_USER_ROLE", "buyer", "JWT_ADMIN_ROLE", "shop-admin"},
		map[string]any{"sub": "f:1:kim", "aud": []string{"shop", "account"}, "azp": "shop", "typ": "Bearer", "realm_access": map[string]any{"roles": []string{"offline_access", "shop-admin"}}},
		map[string]any{"sub": "f:1:ann", "aud": []string{"shop", "account"}, "azp": "shop", "typ": "Bearer", "realm_access": map[string]any{"roles": []string{"offline_access", "buyer"}}},
		map[string]any{"sub": "f:1:bob", "aud": "shop", "realm_access": map[string]any{"roles": []string{"offline_access"}}}, http.StatusForbidden,
	},
	"Auth0": {
		"/", []string{"JWT_AUDIENCE", "https://shop.example", "JWT_ROLES_CLAIM", "https://shop.example/roles", "JWT_USER_ROLE", "buyer", "JWT_ADMIN_ROLE", "shop-admin"},
		map[string]any{"sub": "auth0|kim", "aud": []string{"https://shop.example", "https://tenant/userinfo"}, "https://shop.example/roles": []string{"shop-admin"}},
		map[string]any{"sub": "auth0|ann", "aud": []string{"https://shop.example", "https://tenant/userinfo"}, "scope": "openid profile", "https://shop.example/roles": []string{"buyer"}},
		map[string]any{"sub": "auth0|bob", "aud": "https://other.example", "https://shop.example/roles": []string{"buyer"}}, http.StatusUnauthorized,
	},
	"Entra": {
		"/9188040d/v2.0", []string{"JWT_AUDIENCE", "6731de76", "JWT_USER_CLAIM", "oid", "JWT_USER_ROLE", "Order.Buy", "JWT_ADMIN_ROLE", "Shop.Admin"},
		map[string]any{"sub": "AAAAkim", "oid": "9f4880d8", "aud": "6731de76", "tid": "9188040d", "ver": "2.0", "roles": []string{"Shop.Admin"}},
		map[string]any{"sub": "AAAAann", "oid": "1c2b3a4d", "aud": "6731de76", "tid": "9188040d", "ver": "2.0", "roles": []string{"Order.Buy"}, "scp": "access_as_user"},
		map[string]any{"sub": "AAAAbob", "oid": "5d6e7f8a", "aud": "6731de76", "ver": "2.0", "scp": "access_as_user"}, http.StatusForbidden,
	},
	"Cognito": {
		"/eu-central-1_Ab129faBb", []string{"JWT_ROLES_CLAIM", "cognito:groups", "JWT_USER_ROLE", "*", "JWT_ADMIN_ROLE", "admins"},
		map[string]any{"sub": "aaaaaaaa-kim", "token_use": "access", "client_id": "x", "username": "kim", "cognito:groups": []string{"admins"}},
		map[string]any{"sub": "aaaaaaaa-ann", "token_use": "access", "client_id": "x", "username": "ann"},
		map[string]any{"sub": "aaaaaaaa-bob", "token_use": "access", "iss": "https://cognito-idp.example/another_pool"}, http.StatusUnauthorized,
	},
}

// A shop keeper puts a product on sale and a buyer buys it, each with a token as
// the provider makes it and the settings that docs/identity.md gives.
func TestAPurchaseWithTheTokensOfAProvider(t *testing.T) {
	t.Parallel()
	for name, r := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := newIssuer(t, r.path)
			s := newShop(t, append([]string{"JWT_SECRET", "", "JWT_ISSUER", provider.url}, r.settings...)...)
			s.start("all")
			keeper := &buyer{shop: s, token: provider.sign(r.keeper)}
			id := "p-" + strings.ToLower(rand.Text()[:12])
			product := map[string]any{"name": "Lamp", "unitPrice": unitPrice, "currency": "EUR", "stock": 5}
			keeper.call("PUT", "/admin/products/"+id, product).expect(http.StatusOK)

			ann := &buyer{shop: s, token: provider.sign(r.buyer)}
			ann.call("PUT", "/admin/products/"+id, product).expect(http.StatusForbidden)
			bought := ann.buy(id, 1)
			s.paid(ann.await(bought, order.PaymentPending)).expect(http.StatusOK)
			ann.await(bought, order.Confirmed)

			bob := &buyer{shop: s, token: provider.sign(r.forbidden)}
			bob.call("POST", "/orders", map[string]any{"productId": id, "quantity": 1}).expect(r.forbids)
			bob.call("GET", "/orders/"+bought.String(), nil).expect(r.forbids)
		})
	}
}
