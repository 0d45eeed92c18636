package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"order-service/devstack/load/engine"
	"order-service/devstack/token"
)

// tokenTTL is longer than any run.
const tokenTTL = 12 * time.Hour

// access makes the tokens of buyers and of the administrator: minted where
// JWT_SECRET is known, else by the service's demo login.
type access struct {
	signer  token.Signer // without a secret: the demo login
	target  target
	service service
}

// errNoAccess says what to do about it.
var errNoAccess = errors.New("no tokens: give the service's JWT_SECRET in the environment, or start the service with DEV_LOGIN=true")

// signer is what the service's environment makes of tokens.
func signer(getenv func(string) string) token.Signer {
	return token.Signer{Secret: getenv("JWT_SECRET"), Issuer: getenv("JWT_ISSUER"), Audience: getenv("JWT_AUDIENCE")}
}

func (a access) minted() bool { return a.signer.Secret != "" }

// admin returns an administrator's token.
func (a access) admin(ctx context.Context) (string, error) {
	if a.minted() {
		return a.signer.Mint("load-admin", tokenTTL, token.User, token.Admin), nil
	}
	var login struct{ AccessToken string }
	err := a.service.call(ctx, "", http.MethodPost, "/dev/login", map[string]any{"userId": "load-admin", "admin": true}, &login)
	if r := (*refusal)(nil); errors.As(err, &r) && r.status == http.StatusNotFound {
		return "", errNoAccess
	}
	return login.AccessToken, err
}

// buyers returns the tokens of n buyers, named prefix-0, prefix-1, ….
func (a access) buyers(ctx context.Context, prefix string, n int) ([]string, error) {
	if a.minted() {
		return engine.Tokens(a.signer, prefix, n, tokenTTL), nil
	}
	return a.logIn(ctx, prefix, n)
}

// logIn sends a demo login for each buyer, on several connections.
func (a access) logIn(ctx context.Context, prefix string, n int) ([]string, error) {
	const connections = 32
	tokens := make([]string, n)
	run := engine.New(engine.Config{
		Address: a.target.address, TLS: a.target.tls, Connections: min(connections, n),
		Requests: uint64(n), Duration: 10 * time.Minute,
		Write: logins(a.target.host, prefix),
		Read:  func(i uint64, answer engine.Answer) { tokens[i] = string(answer.AccessToken()) },
	})
	if _, err := run.Do(ctx); err != nil {
		return nil, err
	}
	for i, t := range tokens {
		if t == "" {
			return nil, fmt.Errorf("POST /dev/login gave buyer %d of %d no token; answers: %v", i, n, run.Tally.Outcomes())
		}
	}
	return tokens, ctx.Err()
}

// logins writes POST /dev/login for the buyers in turn.
func logins(host, prefix string) func(uint64, []byte) []byte {
	head := "POST /dev/login HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: "
	return func(n uint64, buf []byte) []byte {
		body := `{"userId":"` + prefix + "-" + strconv.FormatUint(n, 10) + `"}`
		buf = append(buf, head...)
		buf = strconv.AppendInt(buf, int64(len(body)), 10)
		buf = append(buf, "\r\n\r\n"...)
		return append(buf, body...)
	}
}
