package api

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"

	"order-service/order"
)

func newTestAuthenticator(t testing.TB, cfg JWTConfig) *authenticator {
	t.Helper()
	cfg.Issuer = cmp.Or(cfg.Issuer, testIssuer)
	ctx, cancel := context.WithCancel(context.Background())
	a, err := newAuthenticator(ctx, cfg, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		a.close()
	})
	return a
}

// remembers reports whether a would believe the token without verifying it.
func (a *authenticator) remembers(token string) bool {
	_, known := a.tokens.find(digestOf(token), time.Now())
	return known
}

func TestTokenIsVerifiedOnce(t *testing.T) {
	a := newTestAuthenticator(t, JWTConfig{Secret: testSecret})
	text := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(func(c jwt.MapClaims) {
		c["roles"] = []string{"ROLE_ADMIN", "ROLE_GUEST", "ROLE_USER"}
	}))
	first, err := a.authenticate(text, time.Now())
	if err != nil || !a.remembers(text) {
		t.Fatal(err)
	}
	a.secret = nil // nothing can be verified from here on
	again, err := a.authenticate(text, time.Now())
	if err != nil || again.userID != "ann" || !again.has(roleUser) || !again.has(roleAdmin) || again.has("ROLE_GUEST") || !again.expires.Equal(first.expires) {
		t.Errorf("first %+v, then %+v, %v", first, again, err)
	}
}

func TestTokenOfAnotherTextIsNotRemembered(t *testing.T) {
	a := newTestAuthenticator(t, JWTConfig{Secret: testSecret})
	good := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(nil))
	if _, err := a.authenticate(good, time.Now()); err != nil {
		t.Fatal(err)
	}
	other := strings.Split(signed(t, jwt.SigningMethodHS256, []byte("another secret, as long as needed"), claimsWith(func(c jwt.MapClaims) { c["userId"] = "bob" })), ".")
	parts := strings.Split(good, ".")
	for name, forged := range map[string]string{
		"signature cut":     good[:len(good)-1],
		"signature changed": flipLast(good),
		"signature longer":  good + "A",
		"no signature":      parts[0] + "." + parts[1] + ".",
		"another's claims":  parts[0] + "." + other[1] + "." + parts[2],
		"another's":         strings.Join(other, "."),
		"spaces":            " " + good,
	} {
		for range 2 {
			if who, err := a.authenticate(forged, time.Now()); order.CodeOf(err) != order.CodeUnauthenticated {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
		}
		if a.remembers(forged) {
			t.Errorf("%s: remembered", name)
		}
	}
}

// flipLast changes a bit of the signature that counts: the last letter of its
// base64 has two that do not.
func flipLast(token string) string {
	last := len(token) - 2
	changed := byte('A')
	if token[last] == changed {
		changed = 'B'
	}
	return token[:last] + string(changed) + token[last+1:]
}

func TestExpiredTokenIsNotBelievedFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAuthenticator(t, JWTConfig{Secret: testSecret})
		text := signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(func(c jwt.MapClaims) {
			c["exp"] = time.Now().Add(time.Minute).Unix()
		}))
		believed := func() bool {
			_, err := a.authenticate(text, time.Now())
			return err == nil
		}
		if !believed() || !a.remembers(text) {
			t.Fatal("a good token is not remembered")
		}
		time.Sleep(time.Minute - time.Second)
		if !believed() || !a.remembers(text) {
			t.Error("forgotten too early")
		}
		time.Sleep(time.Second) // exp: what a skewed clock may still allow is verified anew
		if a.remembers(text) {
			t.Error("believed from memory after its exp")
		}
		time.Sleep(clockSkew)
		if believed() {
			t.Error("believed after its exp")
		}
	})
}

func TestMemoryOfTokensIsBoundedAndKeepsWhatIsInUse(t *testing.T) {
	known, now := newTokens(), time.Now()
	who := caller{userID: "ann", expires: now.Add(time.Hour)}
	inUse := digestOf("in use")
	known.remember(inUse, who, 0)
	for i := range 3 * tokenShards * shardedTokens {
		known.remember(digestOf(fmt.Sprint(i)), who, 0)
		if _, kept := known.find(inUse, now); !kept {
			t.Fatalf("forgotten after %d others", i)
		}
	}
	for i := range known.shards {
		if s := &known.shards[i]; len(s.young) > shardedTokens || len(s.old) > shardedTokens {
			t.Errorf("shard %d has %d + %d tokens", i, len(s.young), len(s.old))
		}
	}
	if _, kept := known.find(digestOf("0"), now); kept {
		t.Error("nothing was forgotten")
	}
}

func TestWhatWasVerifiedWithKeysThatWereReplacedMeanwhileIsVoid(t *testing.T) {
	known, now := newTokens(), time.Now()
	d, who := digestOf("x"), caller{userID: "ann", expires: now.Add(time.Hour)}
	epoch := known.epoch.Load()
	known.forget() // while the token is being verified
	known.remember(d, who, epoch)
	if _, kept := known.find(d, now); kept {
		t.Error("believed by keys that are no longer there")
	}
	known.remember(d, who, known.epoch.Load())
	if _, kept := known.find(d, now); !kept {
		t.Error("not remembered by today's keys")
	}
}

// rotating serves the key set that is in it.
func rotating(t *testing.T, set *atomic.Pointer[[]jwkset.JWKMarshal]) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": *set.Load()})
	}))
	t.Cleanup(server.Close)
	return server
}

func signingKey(t *testing.T, kid string) (jwkset.JWKMarshal, func(kid string) string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, ALG: jwkset.AlgES256, USE: jwkset.UseSig}})
	if err != nil {
		t.Fatal(err)
	}
	return jwk.Marshal(), func(kid string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodES256, claimsWith(nil))
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

func TestTokensOfARevokedKeyAreForgottenWithIt(t *testing.T) {
	oldKey, signOld := signingKey(t, "old")
	newKey, signNew := signingKey(t, "new")
	var set atomic.Pointer[[]jwkset.JWKMarshal]
	set.Store(&[]jwkset.JWKMarshal{oldKey})
	a := newTestAuthenticator(t, JWTConfig{JWKSURL: rotating(t, &set).URL})
	text := signOld("old")
	if _, err := a.authenticate(text, time.Now()); err != nil || !a.remembers(text) {
		t.Fatal(err)
	}
	set.Store(&[]jwkset.JWKMarshal{newKey})
	if _, err := a.authenticate(signNew("new"), time.Now()); err != nil { // has the set fetched, as the minute's refresh would
		t.Fatal(err)
	}
	if a.remembers(text) {
		t.Error("remembered beyond its key")
	}
	if _, err := a.authenticate(text, time.Now()); order.CodeOf(err) != order.CodeUnauthenticated {
		t.Errorf("believed beyond its key: %v", err)
	}
}

func TestKeySetThatIsFetchedAgainUnchangedForgetsNothing(t *testing.T) {
	key, sign := signingKey(t, "k")
	var set atomic.Pointer[[]jwkset.JWKMarshal]
	set.Store(&[]jwkset.JWKMarshal{key})
	a := newTestAuthenticator(t, JWTConfig{JWKSURL: rotating(t, &set).URL})
	text := sign("k")
	if _, err := a.authenticate(text, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.authenticate(sign("unknown"), time.Now()); order.CodeOf(err) != order.CodeUnauthenticated {
		t.Fatal(err)
	}
	if !a.remembers(text) {
		t.Error("forgotten, though its key is still there")
	}
}

func TestTokensAreVerifiedRememberedAndForgottenAtTheSameTime(t *testing.T) {
	a := newTestAuthenticator(t, JWTConfig{Secret: testSecret})
	texts := make([]string, 50)
	for i := range texts {
		texts[i] = signed(t, jwt.SigningMethodHS256, []byte(testSecret), claimsWith(func(c jwt.MapClaims) { c["userId"] = fmt.Sprint(i) }))
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				text := texts[i%len(texts)]
				if who, err := a.authenticate(text, time.Now()); err != nil || who.userID != fmt.Sprint(i%len(texts)) {
					t.Errorf("%d: %+v, %v", i, who, err)
				}
				if _, err := a.authenticate(text[:len(text)-4], time.Now()); err == nil {
					t.Error("a cut token was believed")
				}
				if i%100 == 0 {
					a.tokens.forget()
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkAuthenticate(b *testing.B) {
	a := newTestAuthenticator(b, JWTConfig{Secret: testSecret})
	texts := make([]string, benchBuyers)
	for i := range texts {
		texts[i] = benchToken(b, fmt.Sprint("buyer-", i))
	}
	for name, authenticate := range map[string]func(string) (caller, error){
		"remembered": func(text string) (caller, error) { return a.authenticate(text, time.Now()) },
		"verified":   a.verify,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for i := int(next.Add(100)); pb.Next(); i++ {
					if _, err := authenticate(texts[i%len(texts)]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
