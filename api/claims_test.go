package api

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The shapes are those of the providers' own documentation: docs/identity.md
// says which settings go with which.
func TestTokensOfTheKnownProvidersAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg    JWTConfig
		claims jwt.MapClaims
		user   string
		roles  []role
	}{
		"Keycloak": {
			JWTConfig{RolesClaim: "realm_access.roles", UserRole: "buyer", AdminRole: "shop-admin"},
			jwt.MapClaims{
				"sub": "f:1:ann", "typ": "Bearer", "azp": "shop", "scope": "openid email", "preferred_username": "ann",
				"realm_access":    map[string]any{"roles": []string{"offline_access", "buyer", "shop-admin"}},
				"resource_access": map[string]any{"account": map[string]any{"roles": []string{"manage-account"}}},
			}, "f:1:ann", []role{roleUser, roleAdmin},
		},
		"Keycloak, a client's roles": {
			JWTConfig{RolesClaim: "resource_access.shop.roles", UserRole: "buyer", UserClaim: "preferred_username"},
			jwt.MapClaims{"sub": "f:1", "preferred_username": "ann", "resource_access": map[string]any{"shop": map[string]any{"roles": []string{"buyer"}}}},
			"ann", []role{roleUser},
		},
		"Auth0": {
			JWTConfig{RolesClaim: "https://shop.example/roles", UserRole: "buyer"},
			jwt.MapClaims{
				"sub": "auth0|6560f1", "azp": "x", "scope": "openid profile", "permissions": []string{"read:orders"},
				"https://shop.example/roles": []string{"buyer"},
			}, "auth0|6560f1", []role{roleUser},
		},
		"Auth0, scopes": {
			JWTConfig{RolesClaim: "scope", UserRole: "orders:buy"},
			jwt.MapClaims{"sub": "auth0|6560f1", "scope": "openid orders:buy"}, "auth0|6560f1", []role{roleUser},
		},
		"Entra": {
			JWTConfig{UserClaim: "oid", UserRole: "Order.Buy", AdminRole: "Shop.Admin"},
			jwt.MapClaims{"sub": "AAAAAGx", "oid": "9f4880d8", "tid": "72f988bf", "ver": "2.0", "roles": []string{"Shop.Admin"}, "scp": "access_as_user"},
			"9f4880d8", []role{roleAdmin},
		},
		"Cognito": {
			JWTConfig{RolesClaim: "cognito:groups", UserRole: "*", AdminRole: "admins"},
			jwt.MapClaims{"sub": "aaaaaaaa-bbbb", "token_use": "access", "client_id": "x", "username": "ann", "cognito:groups": []string{"admins"}},
			"aaaaaaaa-bbbb", []role{roleUser, roleAdmin},
		},
		"Cognito, in no group": {
			JWTConfig{RolesClaim: "cognito:groups", UserRole: "*"},
			jwt.MapClaims{"sub": "aaaaaaaa-bbbb", "token_use": "access"}, "aaaaaaaa-bbbb", []role{roleUser},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Secret, c.cfg.Issuer = testSecret, testIssuer
			a := newTestAuthenticator(t, c.cfg)
			c.claims["iss"], c.claims["exp"] = testIssuer, time.Now().Add(time.Hour).Unix()
			who, err := a.authenticate(signed(t, jwt.SigningMethodHS256, []byte(testSecret), c.claims), time.Now())
			if err != nil || who.userID != c.user || len(who.roles) != len(c.roles) {
				t.Fatalf("%+v, %v; want %s %v", who, err, c.user, c.roles)
			}
			for _, r := range c.roles {
				if !who.has(r) {
					t.Errorf("has not %s: %v", r, who.roles)
				}
			}
		})
	}
}

func TestAUserClaimThatIsNotThereNamesNobody(t *testing.T) {
	t.Parallel()
	a := newTestAuthenticator(t, JWTConfig{Secret: testSecret, Issuer: testIssuer, UserClaim: "oid"})
	token := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(func(c jwt.MapClaims) { c["sub"] = "someone" }))
	if who, err := a.authenticate(token, time.Now()); err == nil {
		t.Errorf("taken for %q", who.userID)
	}
}
