// Package token mints the access tokens that the identity service would issue.
package token

import (
	"cmp"
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

// Signer mints tokens as a service wants them.
type Signer struct {
	Secret   string // its JWT_SECRET
	Issuer   string // its JWT_ISSUER; "" is Issuer
	Audience string // its JWT_AUDIENCE; "" is none
}

// Mint returns a JWT for user that a service by its defaults believes.
func Mint(secret, user string, ttl time.Duration, roles ...string) string {
	return Signer{Secret: secret}.Mint(user, ttl, roles...)
}

// Mint returns a JWT for user, signed with HS256 (RFC 7515, RFC 7519), that
// expires after ttl.
func (s Signer) Mint(user string, ttl time.Duration, roles ...string) string {
	claims := map[string]any{
		"sub": user, "userId": user, "roles": roles, "iss": cmp.Or(s.Issuer, Issuer),
		"iat": time.Now().Unix(), "exp": time.Now().Add(ttl).Unix(),
	}
	if s.Audience != "" {
		claims["aud"] = s.Audience
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // strings and numbers only
	}
	signed := segment([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + segment(payload)
	mac := hmac.New(sha256.New, []byte(s.Secret))
	mac.Write([]byte(signed))
	return signed + "." + segment(mac.Sum(nil))
}

func segment(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
