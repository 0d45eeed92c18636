package config

import (
	"encoding/base64"
	"math"
	"slices"
	"strings"
	"time"
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

// err returns Problems, or nil.
func (k *checks) err() error {
	if len(k.problems) > 0 {
		return k.problems
	}
	return nil
}

// Validate returns Problems when c cannot serve its role, or nil.
func (c Config) Validate() error {
	var k checks
	c.checkCommon(&k)
	c.checkBackends(&k)
	c.checkPayment(&k)
	if c.Role.API() {
		c.checkAPI(&k)
	}
	c.checkDemo(&k)
	return k.err()
}

// ValidateCommand returns Problems when a command that ends could not be heard, or
// nil: what it does not use may be wrong.
func (c Config) ValidateCommand() error {
	var k checks
	c.checkLogLevel(&k)
	return k.err()
}

func (c Config) checkCommon(k *checks) {
	k.require(address(c.HTTPAddr), "HTTP_ADDR must be host:port or :port")
	k.require(c.HTTPIdleTimeout >= time.Second, "HTTP_IDLE_TIMEOUT must be at least 1s")
	k.require(c.AdminAddr == Off || address(c.AdminAddr), "ADMIN_ADDR must be host:port, :port, or off")
	k.require(c.MetricsAddr == Off || address(c.MetricsAddr), "METRICS_ADDR must be host:port, :port, or off")
	k.require(httpURL(c.PublicURL), "PUBLIC_URL must be an http or https URL")
	c.checkLogLevel(k)
	k.require(c.LogFormat == "json" || c.LogFormat == "console", "LOG_FORMAT must be json or console")
}

// checkLogLevel refuses what zerolog would take besides: numbers, and levels that
// hide errors.
func (c Config) checkLogLevel(k *checks) {
	k.require(slices.Contains([]string{"trace", "debug", "info", "warn", "error"}, strings.ToLower(c.LogLevel)),
		"LOG_LEVEL must be trace, debug, info, warn or error")
}

// checkBackends judges what every role dials.
func (c Config) checkBackends(k *checks) {
	k.require(redisURL(c.RedisURL), "REDIS_URL must be redis:// or rediss:// with host, port and the number of a database")
	k.require(len(c.KafkaBootstrap) > 0 && every(c.KafkaBootstrap, address), "KAFKA_BOOTSTRAP must be host:port, several separated by commas")
	c.RedisSecurity().check(k, "REDIS_TLS_CA", "REDIS_TLS_CERT", "REDIS_TLS_KEY")
	k.require(!c.RedisSecurity().Enabled || strings.HasPrefix(string(c.RedisURL), "rediss://"), "REDIS_TLS_CA and REDIS_TLS_CERT want a rediss:// REDIS_URL")
	k.require(c.WorkerPollers >= 0, "WORKER_POLLERS must not be negative")
	k.require(c.WorkerTasks == 0 || c.WorkerTasks >= 2, "WORKER_TASKS must be at least 2, or 0")
	k.require(c.WorkerCached >= 0, "WORKER_CACHED_ORDERS must not be negative")
	k.require(address(c.TemporalAddress), "TEMPORAL_ADDRESS must be host:port")
	k.require(topic(c.TopicReservation), "KAFKA_TOPIC_ORDER_RESERVATIONS must be letters, digits, '.', '_' or '-', at most 245")
	k.require(topic(c.TopicCreated), "KAFKA_TOPIC_ORDER_CREATED must be letters, digits, '.', '_' or '-', at most 245")
	k.require(topic(c.TopicProgress), "KAFKA_TOPIC_ORDER_PROGRESS must be letters, digits, '.', '_' or '-', at most 245")
	k.require(different(c.TopicReservation, c.TopicReservation+".dlq", c.TopicCreated, c.TopicProgress),
		"KAFKA_TOPIC_ORDER_RESERVATIONS, KAFKA_TOPIC_ORDER_CREATED and KAFKA_TOPIC_ORDER_PROGRESS must be different topics, and not the first one's dead letters (.dlq)")
	k.require(c.KafkaReplication == -1 || c.KafkaReplication >= 1, "KAFKA_REPLICATION must be at least 1, or -1")
	c.KafkaSecurity().check(k, "KAFKA_TLS_CA", "KAFKA_TLS_CERT", "KAFKA_TLS_KEY")
	c.TemporalSecurity().check(k, "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_KEY_PATH")
	c.checkKafkaLogin(k)
}

// checkKafkaLogin judges what each SASL mechanism needs, and that nothing is
// given which it would pass over.
func (c Config) checkKafkaLogin(k *checks) {
	password := c.KafkaSASL == "PLAIN" || strings.HasPrefix(c.KafkaSASL, "SCRAM-SHA-")
	bearer := c.KafkaSASL == "OAUTHBEARER"
	k.require(slices.Contains([]string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"}, c.KafkaSASL),
		"KAFKA_SASL_MECHANISM must be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM")
	k.require(password == (c.KafkaUsername != ""), "KAFKA_USERNAME goes with KAFKA_SASL_MECHANISM PLAIN or SCRAM-SHA-…")
	k.require(password == (c.KafkaPassword != ""), "KAFKA_PASSWORD goes with KAFKA_SASL_MECHANISM PLAIN or SCRAM-SHA-…")
	k.require(bearer == (c.KafkaToken != "" || c.KafkaTokenURL != ""), "KAFKA_TOKEN or KAFKA_OAUTH_TOKEN_URL goes with KAFKA_SASL_MECHANISM=OAUTHBEARER")
	k.require(c.KafkaToken == "" || c.KafkaTokenURL == "", "KAFKA_TOKEN and KAFKA_OAUTH_TOKEN_URL exclude each other")
	k.require(c.KafkaTokenURL == "" || httpURL(c.KafkaTokenURL) && secretly(c.KafkaTokenURL), "KAFKA_OAUTH_TOKEN_URL must be an https URL, or an http one on this machine")
	k.require((c.KafkaTokenURL == "") == (c.KafkaClientID == ""), "KAFKA_OAUTH_CLIENT_ID and KAFKA_OAUTH_TOKEN_URL go together")
	k.require((c.KafkaTokenURL == "") == (c.KafkaClientSecret == ""), "KAFKA_OAUTH_CLIENT_SECRET and KAFKA_OAUTH_TOKEN_URL go together")
	k.require(c.KafkaTokenURL != "" || len(c.KafkaScopes) == 0, "KAFKA_OAUTH_SCOPES go with KAFKA_OAUTH_TOKEN_URL")
	k.require(bearer || len(c.KafkaExtensions) == 0, "KAFKA_OAUTH_EXTENSIONS go with KAFKA_SASL_MECHANISM=OAUTHBEARER")
	k.require(every(c.KafkaExtensions, extension.MatchString), "KAFKA_OAUTH_EXTENSIONS must be name=value, several separated by commas")
	k.require(c.KafkaSASL != "AWS_MSK_IAM" || (c.AWSAccessKey == "") == (c.AWSSecretKey == ""), "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together")
	k.require(c.KafkaSASL != "AWS_MSK_IAM" || c.AWSAccessKey != "" || c.AWSContainer() != "", "AWS_ACCESS_KEY_ID is missing, and AWS_CONTAINER_CREDENTIALS_FULL_URI, where the container's role would have its own: KAFKA_SASL_MECHANISM=AWS_MSK_IAM wants one")
	k.require(c.KafkaSASL != "AWS_MSK_IAM" || c.KafkaSecurity().Enabled, "KAFKA_SASL_MECHANISM=AWS_MSK_IAM wants KAFKA_TLS=true")
}

func (c Config) checkPayment(k *checks) {
	k.require(c.PaymentTimeout >= time.Second, "PAYMENT_TIMEOUT must be at least 1s")
	if c.Role.Worker() {
		k.require(c.PaymentSandbox || httpURL(c.PaymentURL), "PAYMENT_URL must be the http or https URL of the payment provider (or set PAYMENT_SANDBOX=true)")
		c.PaymentSecurity().check(k, "PAYMENT_TLS_CA", "PAYMENT_TLS_CERT", "PAYMENT_TLS_KEY")
		k.require(!c.PaymentSecurity().Enabled || strings.HasPrefix(c.PaymentURL, "https://"), "PAYMENT_TLS_CA and PAYMENT_TLS_CERT want an https PAYMENT_URL")
		k.require(c.PaymentAPIKey == "" || secretly(c.PaymentURL), "PAYMENT_API_KEY is a secret: it wants an https PAYMENT_URL, or one on this machine")
	}
	k.require(!c.PaymentSandbox || c.PaymentURL == "", "PAYMENT_URL and PAYMENT_SANDBOX=true exclude each other")
	k.require(c.PaymentConcurrency > 0, "PAYMENT_CONCURRENCY must be more than 0")
	if c.Role.API() || c.PaymentSandbox {
		k.require(len(c.WebhookSecrets) > 0, "PAYMENT_WEBHOOK_SECRET is missing: whsec_ and the base64 of at least 24 random bytes")
	}
	for _, s := range c.WebhookSecrets {
		k.require(webhookSecret(s), "PAYMENT_WEBHOOK_SECRET must be whsec_ and the base64 of at least 24 bytes, several separated by commas")
	}
}

func (c Config) checkAPI(k *checks) {
	k.require(c.JWTSecret != "" || c.JWTJWKSURL != "" || c.DiscoversKeys(), "JWT_SECRET or JWT_JWKS_URL is missing, and JWT_ISSUER is no URL: one must say how tokens are checked")
	k.require(c.JWTSecret == "" || c.JWTJWKSURL == "", "JWT_SECRET and JWT_JWKS_URL exclude each other: the algorithm is pinned")
	k.require(c.JWTSecret == "" || len(c.JWTSecret) >= minJWTSecret, "JWT_SECRET must be at least 32 bytes")
	k.require(c.JWTJWKSURL == "" || httpURL(c.JWTJWKSURL), "JWT_JWKS_URL must be an http or https URL")
	k.require(every(c.CORSOrigins, origin), "CORS_ORIGINS must be scheme://host or scheme://host:port, several separated by commas, or * alone")
	k.require(len(c.CORSOrigins) < 2 || !slices.Contains(c.CORSOrigins, "*"), "CORS_ORIGINS must be * alone, or have no *")
	k.require(c.JWTIssuer != "", "JWT_ISSUER must not be empty")
	k.require(c.JWTAdminRole != "*", "JWT_ADMIN_ROLE must not be *: every token would be an administrator's")
	k.require(c.JWTUserRole != c.JWTAdminRole, "JWT_USER_ROLE and JWT_ADMIN_ROLE must differ")
	k.require(c.ShutdownDelay >= 0 && c.ShutdownDelay <= maxShutdownDelay, "SHUTDOWN_DELAY must be from 0s to 8s")
	k.require(c.IntakeBudget > 0, "INTAKE_BUDGET must be more than 0")
	k.require(limit(c.RateLimitUser), "RATE_LIMIT_USER_RPS must be a number that is not negative")
	k.require(limit(c.RateLimitGlobal), "RATE_LIMIT_GLOBAL_RPS must be a number that is not negative")
	k.require(c.SSEMaxStreams > 0, "SSE_MAX_STREAMS must be more than 0")
	k.require(c.SSEMaxPerUser > 0, "SSE_MAX_STREAMS_PER_USER must be more than 0")
}

// checkDemo keeps what gives tokens and goods away off public addresses.
func (c Config) checkDemo(k *checks) {
	private := loopback(c.HTTPAddr) || c.AllowDemo
	k.require(!c.DevLogin || private, "DEV_LOGIN=true gives anyone a token: it needs a loopback HTTP_ADDR or ALLOW_DEMO=true")
	k.require(!c.PaymentSandbox || private, "PAYMENT_SANDBOX=true gives goods away: it needs a loopback HTTP_ADDR or ALLOW_DEMO=true")
	k.require(!c.DevLogin || c.JWTSecret != "", "DEV_LOGIN=true needs JWT_SECRET to sign its tokens")
	k.require(!c.DevLogin || c.plainTokens(), "DEV_LOGIN=true signs tokens with userId, roles, ROLE_USER and ROLE_ADMIN: leave JWT_USER_CLAIM, JWT_ROLES_CLAIM, JWT_USER_ROLE and JWT_ADMIN_ROLE as they are")
}

// DiscoversKeys reports whether the issuer is asked where its keys are.
func (c Config) DiscoversKeys() bool {
	return c.JWTSecret == "" && c.JWTJWKSURL == "" && httpURL(c.JWTIssuer)
}

func (c Config) plainTokens() bool {
	return c.JWTUserClaim == "" && c.JWTRolesClaim == "roles" && c.JWTUserRole == "ROLE_USER" && c.JWTAdminRole == "ROLE_ADMIN"
}

func limit(perSecond float64) bool { return perSecond >= 0 && perSecond <= math.MaxInt32 }

func webhookSecret(s Secret) bool {
	encoded, found := strings.CutPrefix(string(s), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	return found && err == nil && len(key) >= minWebhookSecret
}
