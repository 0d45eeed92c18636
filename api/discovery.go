package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// maxDiscovery bounds what an issuer says of itself, in bytes.
const maxDiscovery = 1 << 20

// discovery is where an issuer's key set is, as the issuer itself says (OpenID
// Connect Discovery 1.0, section 4). Whatever is asked of it as a transport is
// asked of the key set. It is found out with the first request, and again
// after one that failed: a provider may move its keys, or be away at the start.
type discovery struct {
	issuer string
	next   http.RoundTripper

	mu   sync.Mutex
	keys *url.URL // nil: not known
}

// wellKnown is where an issuer speaks of itself.
func wellKnown(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// RoundTrip implements http.RoundTripper.
func (d *discovery) RoundTrip(r *http.Request) (*http.Response, error) {
	keys, err := d.find(r)
	if err != nil {
		return nil, err
	}
	asked := r.Clone(r.Context())
	asked.URL, asked.Host = keys, keys.Host
	response, err := d.next.RoundTrip(asked)
	if err != nil || response.StatusCode != http.StatusOK {
		d.know(nil)
	}
	return response, err
}

func (d *discovery) know(keys *url.URL) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys = keys
}

func (d *discovery) known() *url.URL {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keys
}

// find asks the issuer, at the URL of r, unless its key set is known.
func (d *discovery) find(r *http.Request) (*url.URL, error) {
	if keys := d.known(); keys != nil {
		return keys, nil
	}
	response, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", r.URL, response.Status)
	}
	var said struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxDiscovery)).Decode(&said); err != nil {
		return nil, fmt.Errorf("%s: %w", r.URL, err)
	}
	keys, err := d.judge(said.Issuer, said.JWKSURI)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.URL, err)
	}
	d.know(keys)
	return keys, nil
}

// judge believes only what is said of this issuer, and keys that are at least
// as safe to fetch as what names them.
func (d *discovery) judge(issuer, jwksURI string) (*url.URL, error) {
	if issuer != d.issuer {
		return nil, fmt.Errorf("it speaks of the issuer %q", issuer)
	}
	keys, err := url.Parse(jwksURI)
	if err != nil || keys.Host == "" {
		return nil, fmt.Errorf("it has no jwks_uri")
	}
	if keys.Scheme != "https" && strings.HasPrefix(issuer, "https://") {
		return nil, fmt.Errorf("its jwks_uri is not https")
	}
	return keys, nil
}
