package api

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
)

func fuzzedAuthenticator(f *testing.F) *authenticator {
	f.Helper()
	a, err := newAuthenticator(f.Context(), testConfig().JWT, zerolog.Nop())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(a.close)
	return a
}

// FuzzToken: nobody without the key is believed.
func FuzzToken(f *testing.F) {
	encode := base64.RawURLEncoding.EncodeToString
	claims := encode([]byte(`{"iss":"` + testIssuer + `","sub":"alice","exp":4102444800}`))
	for _, header := range []string{`{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"RS256","kid":"1"}`, `{"alg":"hs256","typ":"JWT","b64":false}`, `{"alg":null}`, `[]`} {
		f.Add(encode([]byte(header)) + "." + claims + ".")
		f.Add(encode([]byte(header)) + "." + claims + "." + encode([]byte("signature")))
	}
	f.Add("....")
	a := fuzzedAuthenticator(f)
	f.Fuzz(func(t *testing.T, token string) {
		if who, err := a.authenticate(token, time.Now()); err == nil {
			t.Fatalf("%q speaks for %+v", token, who)
		}
	})
}

// FuzzClaims: of a token whose issuer signs whatever it is asked to, only a
// usable user comes out, for a time that is bounded, with the roles that mean
// something here. And what is remembered of it is what was read.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"limitedcart-auth","userId":"alice","roles":["ROLE_USER"],"exp":4102444800}`,
		`{"iss":"limitedcart-auth","sub":"alice","roles":"ROLE_ADMIN","exp":4102444800.5}`,
		`{"iss":"limitedcart-auth","sub":"a\u0000b","roles":["ROLE_ADMIN",7,null],"exp":1e300}`,
		`{"iss":["limitedcart-auth"],"userId":{},"exp":"4102444800","nbf":-1,"iat":1e-300}`,
		`{"iss":"limitedcart-auth","iss":"other","userId":"","sub":"\ud800","exp":4102444800,"aud":[]}`,
	} {
		f.Add([]byte(seed))
	}
	a := fuzzedAuthenticator(f)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		text := header + "." + base64.RawURLEncoding.EncodeToString(payload)
		signature, err := jwt.SigningMethodHS256.Sign(text, []byte(testSecret))
		if err != nil {
			t.Fatal(err)
		}
		token, now := text+"."+base64.RawURLEncoding.EncodeToString(signature), time.Now()
		who, err := a.authenticate(token, now)
		if err != nil {
			return
		}
		if !validUserID(who.userID) || strings.ContainsRune(who.userID, 0) || !who.expires.After(now.Add(-clockSkew)) || len(who.roles) > 2 {
			t.Fatalf("%q speaks for %+v", payload, who)
		}
		again, err := a.authenticate(token, now)
		if err != nil && now.Before(who.expires) || err == nil && again.userID != who.userID {
			t.Fatalf("%q spoke for %+v, and then for %+v, %v", payload, who, again, err)
		}
	})
}
