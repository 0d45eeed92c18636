package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

const (
	jwksTimeout = 5 * time.Second
	jwksRefresh = time.Minute
)

// hasKeySet reports whether tokens are signed with the keys of a set.
func (cfg JWTConfig) hasKeySet() bool { return cfg.JWKSURL != "" || cfg.Discover }

// newKeysTransport returns what key sets are fetched with. An HTTP/2 connection
// that was dropped without a word would be used again by every fetch, as none
// that runs out of time closes it: it is closed before a token of an unknown key
// may cause the next one.
func newKeysTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: jwksTimeout, PingTimeout: jwksTimeout / 2}
	return transport
}

// fetchKeys fetches the key set (RFC 7517) and keeps it fresh until ctx is
// done. Whenever it has changed, changed is called.
func (cfg JWTConfig) fetchKeys(ctx context.Context, transport http.RoundTripper, changed func(), log zerolog.Logger) (keyfunc.Keyfunc, error) {
	url := cfg.JWKSURL
	if cfg.Discover {
		url, transport = wellKnown(cfg.Issuer), &discovery{issuer: cfg.Issuer, next: transport}
	}
	client := &http.Client{Transport: transport}
	remote, err := jwkset.NewStorageFromHTTP(url, jwkset.HTTPClientStorageOptions{
		Client:                    client,
		Ctx:                       ctx,
		HTTPTimeout:               jwksTimeout,
		NoErrorReturnFirstHTTPReq: true,
		RefreshInterval:           jwksRefresh,
		RefreshErrorHandler: func(_ context.Context, err error) {
			log.Warn().Err(err).Msg("the JWT key set cannot be fetched")
		},
		Storage: &keySet{Storage: jwkset.NewMemoryStorage(), changed: changed},
	})
	if err != nil {
		return nil, fmt.Errorf("JWT key set: %w", err)
	}
	storage, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs: map[string]jwkset.Storage{url: remote},
		// Tokens that name unknown keys may cause one fetch in ten seconds, and
		// none waits for another's turn: forged ones must not hold up requests.
		RefreshUnknownKID: rate.NewLimiter(rate.Every(10*time.Second), 1),
		RateLimitWaitMax:  jwksTimeout / 2,
	})
	if err != nil {
		return nil, fmt.Errorf("JWT key set: %w", err)
	}
	return keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: storage})
}

// keySet tells when the keys are replaced by others, so that tokens of a key
// that is no longer there are not believed from memory.
type keySet struct {
	jwkset.Storage
	changed func()

	mu sync.Mutex // one replacement after the other
}

// KeyReplaceAll is called with every key set that was fetched.
func (k *keySet) KeyReplaceAll(ctx context.Context, keys []jwkset.JWK) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, err := k.KeyReadAll(ctx)
	if err != nil {
		return err
	}
	if err := k.Storage.KeyReplaceAll(ctx, keys); err != nil {
		return err
	}
	if !reflect.DeepEqual(marshalled(before), marshalled(keys)) {
		k.changed() // after the replacement: who still read an old key is void, too
	}
	return nil
}

func marshalled(keys []jwkset.JWK) []jwkset.JWKMarshal {
	m := make([]jwkset.JWKMarshal, len(keys))
	for i, key := range keys {
		m[i] = key.Marshal()
	}
	return m
}
