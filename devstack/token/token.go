// Package token mints the access tokens that the identity service would issue.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Issuer is the service's default JWT_ISSUER.
const Issuer = "limitedcart-auth"

// The roles the service knows.
const (
	User  = "ROLE_USER"
	Admin = "ROLE_ADMIN"
)

// Mint returns a JWT for user, signed with HS256 (RFC 7515, RFC 7519), that
// expires after ttl.
func Mint(secret, user string, ttl time.Duration, roles ...string) string {
	claims, err := json.Marshal(map[string]any{
		"sub": user, "userId": user, "roles": roles, "iss": Issuer,
		"iat": time.Now().Unix(), "exp": time.Now().Add(ttl).Unix(),
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	signed := segment([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + segment(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + segment(mac.Sum(nil))
}

func segment(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
