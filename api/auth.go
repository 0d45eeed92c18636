package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"

	"order-service/order"
)

// JWTConfig says which access tokens are believed (RFC 7519).
type JWTConfig struct {
	Secret   string // HS256; empty: no such tokens
	JWKSURL  string // RS256, ES256 and EdDSA keys (RFC 7517); empty: no such tokens
	Discover bool   // find the key set by asking the issuer, instead of JWKSURL
	Issuer   string // required iss
	Audience string // required aud; empty: not checked

	UserClaim  string // empty: userId, else sub
	RolesClaim string // with dots between nested names; empty: roles
	UserRole   string // what a buyer's role is called; empty: ROLE_USER; "*": every token has it
	AdminRole  string // empty: ROLE_ADMIN
}

// streamCookie carries the token of requests that cannot send a header.
const streamCookie = "access_token"

const (
	clockSkew = 5 * time.Second
	maxUserID = 128 // bytes
)

// caller is who a valid token speaks for.
type caller struct {
	userID  string
	roles   []role // those of the token that mean something here
	expires time.Time
}

func (c caller) has(wanted role) bool { return slices.Contains(c.roles, wanted) }

// authenticator turns a token into a caller.
type authenticator struct {
	parser *jwt.Parser
	reads  reading
	tokens *tokens // verified before
	secret []byte
	keys   keyfunc.Keyfunc // nil without a key set
	loaded atomic.Bool     // the key set has been fetched at least once

	transport *http.Transport // fetches the key set; nil without one
}

// newAuthenticator fetches the key set once and keeps it fresh until ctx is
// done. An unreachable key server does not fail the start: the set is fetched
// again every minute, and when a token names a key that is not known.
func newAuthenticator(ctx context.Context, cfg JWTConfig, log zerolog.Logger) (_ *authenticator, err error) {
	a := &authenticator{secret: []byte(cfg.Secret), reads: newReading(cfg), tokens: newTokens()}
	var methods []string
	if cfg.Secret != "" {
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}
	if cfg.hasKeySet() {
		methods = append(methods, jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg())
		a.transport = newKeysTransport()
		if a.keys, err = cfg.fetchKeys(ctx, a.transport, a.rekey, log); err != nil {
			return nil, err
		}
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithExpirationRequired(),
		jwt.WithIssuer(cfg.Issuer), jwt.WithLeeway(clockSkew),
	}
	if len(methods) == 0 || cfg.Issuer == "" {
		return nil, errors.New("tokens need a secret or a key set, and an issuer")
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	a.parser = jwt.NewParser(options...)
	return a, nil
}

// close gives up idle connections; the context of newAuthenticator ends the rest.
func (a *authenticator) close() {
	if a.transport != nil {
		a.transport.CloseIdleConnections()
	}
}

// rekey is told that the key set is another one now.
func (a *authenticator) rekey() {
	a.loaded.Store(true)
	a.tokens.forget()
}

// ready fails until tokens can be verified. Asking for a key that nobody has
// makes the set be fetched, if that has not just been tried.
func (a *authenticator) ready(ctx context.Context) error {
	if a.keys == nil || a.loaded.Load() {
		return nil
	}
	_, err := a.keys.Storage().KeyRead(ctx, "")
	if a.loaded.Load() {
		return nil
	}
	return fmt.Errorf("the JWT key set has never been fetched: %w", err)
}

// key returns the key for a token by the kind of its algorithm, so that a
// public key can never serve as an HMAC secret.
func (a *authenticator) key(token *jwt.Token) (any, error) {
	if _, symmetric := token.Method.(*jwt.SigningMethodHMAC); symmetric {
		return a.secret, nil
	}
	return a.keys.Keyfunc(token)
}

// authenticate returns the token's caller, or CodeUnauthenticated, or while no
// key was ever there CodeUnavailable. The token may show a request's memory.
func (a *authenticator) authenticate(token string, now time.Time) (caller, error) {
	if token == "" {
		return caller{}, order.Errorf(order.CodeUnauthenticated, "An access token is required.")
	}
	digest := digestOf(token)
	if who, known := a.tokens.find(digest, now); known {
		return who, nil
	}
	epoch := a.tokens.epoch.Load()
	who, err := a.verify(token)
	if err == nil {
		a.tokens.remember(digest, who, epoch)
	}
	return who, err
}

// verify is authenticate for a token that was not seen before.
func (a *authenticator) verify(token string) (caller, error) {
	var c claims
	_, err := a.parser.ParseWithClaims(token, &c, a.key)
	if errors.Is(err, jwt.ErrTokenUnverifiable) && a.keys != nil && !a.loaded.Load() {
		return caller{}, order.Wrap(err, order.CodeUnavailable, "Access tokens cannot be verified right now. Please try again.")
	}
	if err != nil {
		return caller{}, order.Wrap(err, order.CodeUnauthenticated, "The access token is expired or not valid.")
	}
	return a.callerOf(&c)
}

func (a *authenticator) callerOf(c *claims) (caller, error) {
	user, err := a.reads.userOf(c)
	if err == nil && !validUserID(user) {
		err = errors.New("the user is empty, too long or not text")
	}
	if err != nil {
		return caller{}, order.Wrap(err, order.CodeUnauthenticated, "The access token names no usable user.")
	}
	roles, err := a.reads.rolesOf(c)
	if err != nil {
		return caller{}, order.Wrap(err, order.CodeUnauthenticated, "The access token has roles that cannot be read.")
	}
	return caller{userID: user, roles: roles, expires: c.ExpiresAt.Time}, nil
}

// validUserID keeps out what a database or a log line could not hold.
func validUserID(id string) bool {
	return id != "" && len(id) <= maxUserID && utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0
}

// caller authenticates a request by its Authorization header (RFC 6750) and
// requires one of roles. Errors: CodeUnauthenticated, CodeForbidden.
func (s *Server) caller(c *fiber.Ctx, roles ...role) (caller, error) {
	return s.callerBy(bearer(c.Get(fiber.HeaderAuthorization)), c.Context().Time(), roles...)
}

// streamCaller is caller for a GET stream, which may carry the token in the
// cookie instead: EventSource cannot send headers. Nothing that changes state
// may use it, or other sites could act for the user.
func (s *Server) streamCaller(c *fiber.Ctx, roles ...role) (caller, error) {
	token := bearer(c.Get(fiber.HeaderAuthorization))
	if token == "" {
		token = s.cookie(c)
	}
	return s.callerBy(token, c.Context().Time(), roles...)
}

// cookie returns the first stream cookie that is good, else the first. A
// browser sends those of several paths and domains, the more specific and the
// older ones first, so that a stale one may hide the one that counts.
func (s *Server) cookie(c *fiber.Ctx) (first string) {
	const most = 4 // of them are looked at: each may cost a verification
	seen := 0
	for name, value := range c.Request().Header.Cookies() {
		if string(name) != streamCookie || seen == most {
			continue
		}
		token := utils.UnsafeString(value)
		if _, err := s.auth.authenticate(token, c.Context().Time()); err == nil {
			return token
		}
		if seen++; seen == 1 {
			first = token
		}
	}
	return first
}

func (s *Server) callerBy(token string, now time.Time, roles ...role) (caller, error) {
	who, err := s.auth.authenticate(token, now)
	if err != nil {
		s.logRefusal(token, err)
		return caller{}, err
	}
	for _, r := range roles {
		if who.has(r) {
			return who, nil
		}
	}
	s.strangers.Warn().Interface("needs", roles).Interface("has", who.roles).Msg("a token has none of the roles that are asked for")
	return caller{}, order.Errorf(order.CodeForbidden, "The access token has none of the roles that may do this.")
}

// logRefusal tells of a token that is refused for another reason than its age:
// where the issuer, the audience or the keys are set wrong, it is every buyer's.
func (s *Server) logRefusal(token string, err error) {
	if token != "" && order.CodeOf(err) == order.CodeUnauthenticated && !errors.Is(err, jwt.ErrTokenExpired) {
		s.strangers.Warn().Err(err).Msg("a token was refused")
	}
}

// bearer is the token of an Authorization header, or empty.
func bearer(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
