package main

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"

	"order-service/devstack/token"
	"order-service/order"
)

// authenticator turns a token into a user. It remembers whom it has verified,
// which is not for longer than the token lasts.
type authenticator struct {
	parser *jwt.Parser
	secret []byte
	seed   maphash.Seed
	shards [shards]memory
}

const (
	shards      = 64
	shardTokens = 2048 // the most that one shard remembers
	clockSkew   = 5 * time.Second
)

// memory is one shard of the tokens that were verified.
type memory struct {
	mu     sync.RWMutex
	tokens map[string]known
}

type known struct {
	user    string
	expires time.Time
}

// claims are the parts of a token that are read.
type claims struct {
	jwt.RegisteredClaims
	UserID string   `json:"userId"`
	Roles  []string `json:"roles"`
}

func newAuthenticator(secret string) *authenticator {
	a := &authenticator{secret: []byte(secret), seed: maphash.MakeSeed(), parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired(),
		jwt.WithIssuer(token.Issuer), jwt.WithLeeway(clockSkew),
	)}
	for i := range a.shards {
		a.shards[i].tokens = map[string]known{}
	}
	return a
}

// user is who the request's token speaks for, or CodeUnauthenticated.
func (a *authenticator) user(c *fiber.Ctx) (string, error) {
	text, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	if !ok {
		return "", order.Errorf(order.CodeUnauthenticated, "An access token is required.")
	}
	m := &a.shards[maphash.String(a.seed, text)%shards]
	m.mu.RLock()
	k, found := m.tokens[text]
	m.mu.RUnlock()
	if found && time.Now().Before(k.expires) {
		return k.user, nil
	}
	k, err := a.verify(text)
	if err != nil {
		return "", err
	}
	m.remember(strings.Clone(text), k) // fasthttp reuses the request's memory
	return k.user, nil
}

func (a *authenticator) verify(text string) (known, error) {
	var c claims
	if _, err := a.parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return a.secret, nil }); err != nil {
		return known{}, order.Wrap(err, order.CodeUnauthenticated, "The access token is expired or not valid.")
	}
	return known{c.UserID, c.ExpiresAt.Time}, nil
}

// remember keeps the token, in the place of any other one where there is no room.
func (m *memory) remember(text string, k known) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tokens) >= shardTokens {
		for old := range m.tokens {
			delete(m.tokens, old)
			break
		}
	}
	m.tokens[text] = k
}
