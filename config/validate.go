package config

import (
	"encoding/base64"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// The shortest secrets that are accepted, in bytes: RFC 7518 §3.2 for HS256,
// the Standard Webhooks spec for webhook keys.
const (
	minJWTSecret     = 32
	minWebhookSecret = 24
)

// maxShutdownDelay leaves a stop, which has 15 s, enough for its work.
const maxShutdownDelay = 8 * time.Second

// checks collects problems; each method reads as the rule it enforces.
type checks struct{ problems Problems }

func (k *checks) require(ok bool, problem string) {
	if !ok {
		k.problems = append(k.problems, problem)
	}
}

// Validate returns Problems when c cannot serve its role, or nil.
func (c Config) Validate() error {
	var k checks
	c.checkCommon(&k)
	c.checkPayment(&k)
	if c.Role.API() {
		c.checkAPI(&k)
	}
	c.checkDemo(&k)
	if len(k.problems) > 0 {
		return k.problems
	}
	return nil
}

func (c Config) checkCommon(k *checks) {
	k.require(address(c.HTTPAddr), "HTTP_ADDR must be host:port or :port")
	k.require(c.AdminAddr == Off || address(c.AdminAddr), "ADMIN_ADDR must be host:port, :port, or off")
	k.require(httpURL(c.PublicURL), "PUBLIC_URL must be an http or https URL")
	_, err := zerolog.ParseLevel(c.LogLevel)
	k.require(err == nil, "LOG_LEVEL must be trace, debug, info, warn or error")
	k.require(c.LogFormat == "json" || c.LogFormat == "console", "LOG_FORMAT must be json or console")
	k.require(len(c.KafkaBootstrap) > 0 && !slices.ContainsFunc(c.KafkaBootstrap, func(a string) bool { return !address(a) }),
		"KAFKA_BOOTSTRAP must be host:port, several separated by commas")
	k.require(slices.Contains([]string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, c.KafkaSASL),
		"KAFKA_SASL_MECHANISM must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	k.require((c.KafkaSASL == "") == (c.KafkaUsername == ""), "KAFKA_USERNAME and KAFKA_SASL_MECHANISM go together")
	k.require((c.TemporalTLSCert == "") == (c.TemporalTLSKey == ""), "TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY go together")
}

func (c Config) checkPayment(k *checks) {
	k.require(c.PaymentTimeout >= time.Second, "PAYMENT_TIMEOUT must be at least 1s")
	if c.Role.Worker() {
		k.require(c.PaymentSandbox || httpURL(c.PaymentURL), "PAYMENT_URL must be the http or https URL of the payment provider (or set PAYMENT_SANDBOX=true)")
	}
	k.require(!c.PaymentSandbox || c.PaymentURL == "", "PAYMENT_URL and PAYMENT_SANDBOX=true exclude each other")
	if c.Role.API() || c.PaymentSandbox {
		k.require(len(c.WebhookSecrets) > 0, "PAYMENT_WEBHOOK_SECRET is missing: whsec_ and the base64 of at least 24 random bytes")
	}
	for _, s := range c.WebhookSecrets {
		k.require(webhookSecret(s), "PAYMENT_WEBHOOK_SECRET must be whsec_ and the base64 of at least 24 bytes, several separated by commas")
	}
}

func (c Config) checkAPI(k *checks) {
	k.require(c.JWTSecret != "" || c.JWTJWKSURL != "", "JWT_SECRET or JWT_JWKS_URL is missing: one must say how tokens are checked")
	k.require(c.JWTSecret == "" || c.JWTJWKSURL == "", "JWT_SECRET and JWT_JWKS_URL exclude each other: the algorithm is pinned")
	k.require(c.JWTSecret == "" || len(c.JWTSecret) >= minJWTSecret, "JWT_SECRET must be at least 32 bytes")
	k.require(c.JWTJWKSURL == "" || httpURL(c.JWTJWKSURL), "JWT_JWKS_URL must be an http or https URL")
	k.require(c.JWTIssuer != "", "JWT_ISSUER must not be empty")
	k.require(c.ShutdownDelay >= 0 && c.ShutdownDelay <= maxShutdownDelay, "SHUTDOWN_DELAY must be from 0s to 8s")
	k.require(c.IntakeBudget > 0, "INTAKE_BUDGET must be more than 0")
	k.require(c.RateLimitUser >= 0, "RATE_LIMIT_USER_RPS must not be negative")
	k.require(c.RateLimitGlobal >= 0, "RATE_LIMIT_GLOBAL_RPS must not be negative")
	k.require(c.SSEMaxStreams > 0, "SSE_MAX_STREAMS must be more than 0")
	k.require(c.SSEMaxPerUser > 0, "SSE_MAX_STREAMS_PER_USER must be more than 0")
}

// checkDemo keeps what gives tokens and goods away off public addresses.
func (c Config) checkDemo(k *checks) {
	private := loopback(c.HTTPAddr) || c.AllowDemo
	k.require(!c.DevLogin || private, "DEV_LOGIN=true gives anyone a token: it needs a loopback HTTP_ADDR or ALLOW_DEMO=true")
	k.require(!c.PaymentSandbox || private, "PAYMENT_SANDBOX=true gives goods away: it needs a loopback HTTP_ADDR or ALLOW_DEMO=true")
	k.require(!c.DevLogin || c.JWTSecret != "", "DEV_LOGIN=true needs JWT_SECRET to sign its tokens")
}

func address(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && port != ""
}

func webhookSecret(s Secret) bool {
	encoded, found := strings.CutPrefix(string(s), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	return found && err == nil && len(key) >= minWebhookSecret
}
