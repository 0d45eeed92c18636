// Package config reads the service's settings from the environment into one
// typed struct and validates it as a whole, so that a wrong deployment stops
// at its start with every problem named, not at its first order.
package config

import (
	"fmt"
	"slices"
	"time"
)

// Role is which half of the service a process runs.
type Role string

// The roles.
const (
	RoleAPI    Role = "api"
	RoleWorker Role = "worker"
	RoleAll    Role = "all"
)

// API reports whether the role serves HTTP to buyers.
func (r Role) API() bool { return r == RoleAPI || r == RoleAll }

// Worker reports whether the role drives orders.
func (r Role) Worker() bool { return r == RoleWorker || r == RoleAll }

// UnmarshalText parses a role; it lists the roles when text is none of them.
func (r *Role) UnmarshalText(text []byte) error {
	*r = Role(text)
	if !slices.Contains([]Role{RoleAPI, RoleWorker, RoleAll}, *r) {
		return fmt.Errorf("%q is not one of api, worker, all", string(text))
	}
	return nil
}

// Secret is a value that must not be printed.
type Secret string

// String hides the secret from every formatted print and log line.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON and from structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Off is the ADMIN_ADDR or METRICS_ADDR of a process without that listener.
const Off = "off"

//go:generate go test -count=1 -run TestReferenceTellsOfEveryVariable . -write

// Config is everything the environment decides. The tags name the variable, its
// default and, where only one role reads it, that role; the comment behind says
// what it means, and the comment above begins a section. docs/configuration.md
// is made of them by go generate.
type Config struct {
	// The process
	Role             Role          `env:"ROLE" envDefault:"all"`                                // what the process runs: `api`, `worker` or `all`; `--role` overrides it
	HTTPAddr         string        `env:"HTTP_ADDR" envDefault:":8080"`                         // where the API, or a worker's `/livez` and `/readyz`, are served
	HTTPIdleTimeout  time.Duration `env:"HTTP_IDLE_TIMEOUT" envDefault:"2m"`                    // how long a connection without a request is kept; longer than your balancer's, or it sends requests into connections that are just being closed
	PublicURL        string        `env:"PUBLIC_URL"`                                           // how browsers reach the service; made of `HTTP_ADDR` when empty
	CORSOrigins      []string      `env:"CORS_ORIGINS" role:"api"`                              // origins of other sites' pages that may call the API; `*` alone is all, without the streams' cookie
	RequireIfMatch   bool          `env:"ADMIN_REQUIRE_IF_MATCH" envDefault:"false" role:"api"` // replace a product only for a request that says, by `If-Match`, which version it has read
	AdminAddr        string        `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9090"`               // where operators find pprof, which shows the memory of the process, and metrics; `off` is nowhere
	MetricsAddr      string        `env:"METRICS_ADDR" envDefault:"off"`                        // where scrapers find metrics and nothing else, such as `:9091`; `off` is nowhere but on `ADMIN_ADDR`
	ShutdownDelay    time.Duration `env:"SHUTDOWN_DELAY" envDefault:"1s" role:"api"`            // how long an api that was told to stop serves on while `/readyz` sends its balancer elsewhere; at most 8s
	LogLevel         string        `env:"LOG_LEVEL" envDefault:"info"`                          // `trace`, `debug`, `info`, `warn` or `error`
	LogFormat        string        `env:"LOG_FORMAT" envDefault:"json"`                         // `json` or `console`
	TrustTraceparent bool          `env:"TRUST_TRACEPARENT" envDefault:"false" role:"api"`      // let the sampled flag of an incoming `traceparent` decide which orders are traced: for a gateway of yours that writes the header, since buyers can write it, too
	AllowDemo        bool          `env:"ALLOW_DEMO" envDefault:"false"`                        // permits `DEV_LOGIN` and `PAYMENT_SANDBOX` on an address that is not loopback
	DevLogin         bool          `env:"DEV_LOGIN" envDefault:"false" role:"api"`              // `POST /dev/login` gives anyone a token, also ROLE_ADMIN's

	// Postgres and Redis
	DatabaseURL       Secret `env:"DATABASE_URL"`                                    // libpq URL of the database, with its standbys as further hosts; always needed. It may lead through a pooler, such as PgBouncer in transaction mode: `DATABASE_DIRECT_URL` is needed then
	DatabaseDirectURL Secret `env:"DATABASE_DIRECT_URL"`                             // libpq URL of the same database past the pooler that `DATABASE_URL` leads through, for migrations and the leader's lock
	DatabasePassword  Secret `env:"DATABASE_PASSWORD"`                               // instead of the URLs' passwords; as `DATABASE_PASSWORD_FILE` it is read for each connection, so it may be a token that something renews
	RedisURL          Secret `env:"REDIS_URL" envDefault:"redis://localhost:6379/0"` // `redis://` or `rediss://` (TLS); a Redis Cluster with its other nodes as `addr=host:port` parameters; Sentinels the same way and with `master_name=` (`username=` and `password=` are the master's then)
	RedisPassword     Secret `env:"REDIS_PASSWORD"`                                  // instead of the password of the URL's user; as `REDIS_PASSWORD_FILE` it is read for each connection
	RedisTLSCA        string `env:"REDIS_TLS_CA"`                                    // PEM file of authorities for a `rediss://` URL; empty trusts the system's
	RedisTLSCert      string `env:"REDIS_TLS_CERT"`                                  // PEM file, for mutual TLS; goes with `REDIS_TLS_KEY`
	RedisTLSKey       string `env:"REDIS_TLS_KEY"`                                   // PEM file, for mutual TLS

	// Kafka
	KafkaBootstrap    []string `env:"KAFKA_BOOTSTRAP" envDefault:"localhost:9092"`                     // brokers, as host:port
	TopicReservation  string   `env:"KAFKA_TOPIC_ORDER_RESERVATIONS" envDefault:"orders.reservations"` // topic that starts sagas; its dead letters are in the one with `.dlq` behind
	TopicCreated      string   `env:"KAFKA_TOPIC_ORDER_CREATED" envDefault:"orders.created"`           // topic that tells other services of orders
	TopicProgress     string   `env:"KAFKA_TOPIC_ORDER_PROGRESS" envDefault:"order.progress"`          // topic of every change of an order's status
	KafkaGroup        string   `env:"KAFKA_CONSUMER_GROUP" envDefault:"order-saga"`                    // consumer group that the workers share; every process watches its lag, so it must be the same for all and readable by all
	KafkaReplication  int16    `env:"KAFKA_REPLICATION" envDefault:"-1"`                               // replicas of the topics that the service creates; -1 is the broker's default
	KafkaTLS          bool     `env:"KAFKA_TLS" envDefault:"false"`                                    // connect with TLS; each of the next three implies it
	KafkaTLSCA        string   `env:"KAFKA_TLS_CA"`                                                    // PEM file of authorities; empty trusts the system's
	KafkaTLSCert      string   `env:"KAFKA_TLS_CERT"`                                                  // PEM file, for mutual TLS; goes with `KAFKA_TLS_KEY`
	KafkaTLSKey       string   `env:"KAFKA_TLS_KEY"`                                                   // PEM file, for mutual TLS
	KafkaSASL         string   `env:"KAFKA_SASL_MECHANISM"`                                            // `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER` or `AWS_MSK_IAM`; empty is none
	KafkaUsername     string   `env:"KAFKA_USERNAME"`                                                  // for `PLAIN` and `SCRAM`
	KafkaPassword     Secret   `env:"KAFKA_PASSWORD"`                                                  // of `KAFKA_USERNAME`; as `KAFKA_PASSWORD_FILE` it is read for each connection
	KafkaToken        Secret   `env:"KAFKA_TOKEN"`                                                     // for `OAUTHBEARER`; as `KAFKA_TOKEN_FILE` it is read for each connection
	KafkaTokenURL     string   `env:"KAFKA_OAUTH_TOKEN_URL"`                                           // where `OAUTHBEARER` gets tokens by client credentials, instead of `KAFKA_TOKEN`
	KafkaClientID     string   `env:"KAFKA_OAUTH_CLIENT_ID"`                                           // needed with `KAFKA_OAUTH_TOKEN_URL`
	KafkaClientSecret Secret   `env:"KAFKA_OAUTH_CLIENT_SECRET"`                                       // of `KAFKA_OAUTH_CLIENT_ID`; as `KAFKA_OAUTH_CLIENT_SECRET_FILE` it is read for each token
	KafkaScopes       []string `env:"KAFKA_OAUTH_SCOPES"`                                              // asked of `KAFKA_OAUTH_TOKEN_URL`
	KafkaExtensions   []string `env:"KAFKA_OAUTH_EXTENSIONS"`                                          // sent with each token, as name=value; Confluent Cloud wants `logicalCluster` and `identityPoolId`
	AWSAccessKey      Secret   `env:"AWS_ACCESS_KEY_ID"`                                               // for `AWS_MSK_IAM`; the next two go with it; when empty, the agent of the container is asked (ECS, EKS Pod Identity)
	AWSSecretKey      Secret   `env:"AWS_SECRET_ACCESS_KEY"`                                           // of `AWS_ACCESS_KEY_ID`
	AWSSessionToken   Secret   `env:"AWS_SESSION_TOKEN"`                                               // of temporary credentials
	AWSContainerURL   string   `env:"AWS_CONTAINER_CREDENTIALS_FULL_URI"`                              // the agent that has the credentials of the container's role; EKS sets it
	AWSContainerPath  string   `env:"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"`                          // the same, as ECS sets it
	AWSContainerToken Secret   `env:"AWS_CONTAINER_AUTHORIZATION_TOKEN"`                               // what that agent wants to be sent; EKS sets `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`

	// Temporal
	TemporalAddress   string `env:"TEMPORAL_ADDRESS" envDefault:"localhost:7233"`      // frontend, as host:port
	TemporalNamespace string `env:"TEMPORAL_NAMESPACE" envDefault:"default"`           // must exist, with a retention not shorter than Kafka's
	TemporalTaskQueue string `env:"TEMPORAL_TASK_QUEUE" envDefault:"ORDER_SAGA_QUEUE"` // task queue that all roles share
	TemporalAPIKey    Secret `env:"TEMPORAL_API_KEY"`                                  // sent with every request, over TLS; as `TEMPORAL_API_KEY_FILE` it may be replaced at any time
	TemporalTLS       bool   `env:"TEMPORAL_TLS" envDefault:"false"`                   // connect with TLS; a key and each of the next four imply it
	TemporalTLSCA     string `env:"TEMPORAL_TLS_SERVER_CA_CERT_PATH"`                  // PEM file of authorities; empty trusts the system's
	TemporalTLSCert   string `env:"TEMPORAL_TLS_CLIENT_CERT_PATH"`                     // PEM file, for mutual TLS; goes with `TEMPORAL_TLS_CLIENT_KEY_PATH`
	TemporalTLSKey    string `env:"TEMPORAL_TLS_CLIENT_KEY_PATH"`                      // PEM file, for mutual TLS
	TemporalTLSName   string `env:"TEMPORAL_TLS_SERVER_NAME"`                          // name that the frontend's certificate must have, where it is not the address's
	WorkerPollers     int    `env:"WORKER_POLLERS" envDefault:"0" role:"worker"`       // polls that wait at Temporal, of each kind, for each process: from 8 up to this, as Temporal asks for them; 0 is 64
	WorkerTasks       int    `env:"WORKER_TASKS" envDefault:"0" role:"worker"`         // steps of orders worked on at a time, for each process; 0 is 512 for each core, fewer where memory is short
	WorkerCached      int    `env:"WORKER_CACHED_ORDERS" envDefault:"0" role:"worker"` // orders kept in memory between their steps, 50 KB each at most, for each process; 0 is what an eighth of `GOMEMLIMIT` holds, from 500 to 20000

	// Payments
	PaymentURL         string        `env:"PAYMENT_URL" role:"worker"`                          // the payment provider; needed unless `PAYMENT_SANDBOX`
	PaymentAPIKey      Secret        `env:"PAYMENT_API_KEY" role:"worker"`                      // sent to the provider as bearer token; wants an https `PAYMENT_URL`, or one on this machine
	PaymentTLSCA       string        `env:"PAYMENT_TLS_CA" role:"worker"`                       // PEM file of authorities for an https `PAYMENT_URL`; empty trusts the system's
	PaymentTLSCert     string        `env:"PAYMENT_TLS_CERT" role:"worker"`                     // PEM file, for mutual TLS; goes with `PAYMENT_TLS_KEY`
	PaymentTLSKey      string        `env:"PAYMENT_TLS_KEY" role:"worker"`                      // PEM file, for mutual TLS
	PaymentConcurrency int           `env:"PAYMENT_CONCURRENCY" envDefault:"256" role:"worker"` // calls to the provider at a time, for each process; orders wait for their turn
	PaymentSandbox     bool          `env:"PAYMENT_SANDBOX" envDefault:"false"`                 // a built-in provider that moves no money, instead of `PAYMENT_URL`
	WebhookSecrets     []Secret      `env:"PAYMENT_WEBHOOK_SECRET"`                             // `whsec_` and base64 of 24 random bytes or more; several while rotating; `worker` needs it with the sandbox only
	PaymentTimeout     time.Duration `env:"PAYMENT_TIMEOUT" envDefault:"15m"`                   // how long a buyer may take to pay; running orders keep theirs

	// Intake and streams
	IntakeBudget    time.Duration `env:"INTAKE_BUDGET" envDefault:"20ms" role:"api"`          // an order that would wait longer for a writer is refused at once
	RateLimitUser   float64       `env:"RATE_LIMIT_USER_RPS" envDefault:"20" role:"api"`      // orders a second, for each user and process; 0 is no limit
	RateLimitGlobal float64       `env:"RATE_LIMIT_GLOBAL_RPS" envDefault:"0" role:"api"`     // orders a second, for the process; 0 is no limit
	SSEMaxStreams   int           `env:"SSE_MAX_STREAMS" envDefault:"50000" role:"api"`       // event streams open at once, and as many long polls, for the process
	SSEMaxPerUser   int           `env:"SSE_MAX_STREAMS_PER_USER" envDefault:"10" role:"api"` // event streams open at once, and as many long polls, for each user and process

	// Tokens
	JWTSecret     Secret `env:"JWT_SECRET" role:"api"`                               // HS256 key of at least 32 bytes
	JWTJWKSURL    string `env:"JWT_JWKS_URL" role:"api"`                             // where RS256, ES256 or EdDSA keys are found; with neither this nor `JWT_SECRET` the issuer is asked, by OpenID Connect Discovery
	JWTIssuer     string `env:"JWT_ISSUER" envDefault:"limitedcart-auth" role:"api"` // the `iss` that tokens must have
	JWTAudience   string `env:"JWT_AUDIENCE" role:"api"`                             // the `aud` that tokens must have; empty is not checked
	JWTUserClaim  string `env:"JWT_USER_CLAIM" role:"api"`                           // the claim that names the user; when empty `userId`, else `sub`
	JWTRolesClaim string `env:"JWT_ROLES_CLAIM" envDefault:"roles" role:"api"`       // the claim with the roles, text or a list; dots lead into objects, such as `realm_access.roles`
	JWTUserRole   string `env:"JWT_USER_ROLE" envDefault:"ROLE_USER" role:"api"`     // what the role of buyers is called; `*` is every token
	JWTAdminRole  string `env:"JWT_ADMIN_ROLE" envDefault:"ROLE_ADMIN" role:"api"`   // what the role of administrators is called

	files map[string]string // that secrets were read from, by variable
}
