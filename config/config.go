// Package config reads the service's settings from the environment into one
// typed struct and validates it as a whole, so that a wrong deployment stops
// at its start with every problem named, not at its first order.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
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

// Off is the ADMIN_ADDR of a process without an admin listener.
const Off = "off"

// Config is everything the environment decides. The tags name the variable
// and its default; the comment says what it means.
type Config struct {
	Role        Role     `env:"ROLE" envDefault:"all"`                  // api, worker or all
	HTTPAddr    string   `env:"HTTP_ADDR" envDefault:":8080"`           // where buyers are served
	PublicURL   string   `env:"PUBLIC_URL"`                             // how browsers reach the service; derived from HTTP_ADDR when empty
	CORSOrigins []string `env:"CORS_ORIGINS"`                           // origins of other sites' pages that may call the API
	AdminAddr   string   `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9090"` // pprof, for operators only; off is none
	LogLevel    string   `env:"LOG_LEVEL" envDefault:"info"`            // trace, debug, info, warn or error
	LogFormat   string   `env:"LOG_FORMAT" envDefault:"json"`           // json or console
	AllowDemo   bool     `env:"ALLOW_DEMO" envDefault:"false"`          // permit DEV_LOGIN and PAYMENT_SANDBOX on a public address
	DevLogin    bool     `env:"DEV_LOGIN" envDefault:"false"`           // /dev/login mints demo tokens

	ShutdownDelay time.Duration `env:"SHUTDOWN_DELAY" envDefault:"1s"` // after SIGTERM an api says on /readyz that it leaves, and serves on for so long; at most 8s

	DatabaseURL Secret `env:"DATABASE_URL"`                                    // libpq URL
	RedisURL    Secret `env:"REDIS_URL" envDefault:"redis://localhost:6379/0"` // redis:// or rediss://

	KafkaBootstrap   []string `env:"KAFKA_BOOTSTRAP" envDefault:"localhost:9092"`
	TopicReservation string   `env:"KAFKA_TOPIC_ORDER_RESERVATIONS" envDefault:"orders.reservations"`
	TopicCreated     string   `env:"KAFKA_TOPIC_ORDER_CREATED" envDefault:"orders.created"`
	TopicProgress    string   `env:"KAFKA_TOPIC_ORDER_PROGRESS" envDefault:"order.progress"`
	KafkaGroup       string   `env:"KAFKA_CONSUMER_GROUP" envDefault:"order-saga"`
	KafkaReplication int16    `env:"KAFKA_REPLICATION" envDefault:"-1"` // of topics the service creates; -1 is the broker's default
	KafkaTLS         bool     `env:"KAFKA_TLS" envDefault:"false"`
	KafkaTLSCA       string   `env:"KAFKA_TLS_CA"`         // PEM file; empty trusts the system's authorities
	KafkaSASL        string   `env:"KAFKA_SASL_MECHANISM"` // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty is none
	KafkaUsername    string   `env:"KAFKA_USERNAME"`
	KafkaPassword    Secret   `env:"KAFKA_PASSWORD"`

	TemporalAddress   string `env:"TEMPORAL_ADDRESS" envDefault:"localhost:7233"`
	TemporalNamespace string `env:"TEMPORAL_NAMESPACE" envDefault:"default"`
	TemporalTaskQueue string `env:"TEMPORAL_TASK_QUEUE" envDefault:"ORDER_SAGA_QUEUE"`
	TemporalTLS       bool   `env:"TEMPORAL_TLS" envDefault:"false"`
	TemporalTLSCA     string `env:"TEMPORAL_TLS_CA"`   // PEM file
	TemporalTLSCert   string `env:"TEMPORAL_TLS_CERT"` // PEM file, for mutual TLS
	TemporalTLSKey    string `env:"TEMPORAL_TLS_KEY"`  // PEM file, for mutual TLS
	TemporalAPIKey    Secret `env:"TEMPORAL_API_KEY"`

	PaymentURL     string        `env:"PAYMENT_URL"`                        // the payment provider
	PaymentSandbox bool          `env:"PAYMENT_SANDBOX" envDefault:"false"` // a built-in provider that moves no money
	WebhookSecrets []Secret      `env:"PAYMENT_WEBHOOK_SECRET"`             // whsec_… of the webhooks; several while rotating
	PaymentTimeout time.Duration `env:"PAYMENT_TIMEOUT" envDefault:"15m"`   // how long a buyer may take to pay

	IntakeBudget    time.Duration `env:"INTAKE_BUDGET" envDefault:"20ms"`      // an order that would wait longer is refused at once
	RateLimitUser   float64       `env:"RATE_LIMIT_USER_RPS" envDefault:"20"`  // orders per second, user and process; 0 is off
	RateLimitGlobal float64       `env:"RATE_LIMIT_GLOBAL_RPS" envDefault:"0"` // orders per second and process; 0 is off
	SSEMaxStreams   int           `env:"SSE_MAX_STREAMS" envDefault:"50000"`
	SSEMaxPerUser   int           `env:"SSE_MAX_STREAMS_PER_USER" envDefault:"10"`

	JWTSecret   Secret `env:"JWT_SECRET"`   // HS256, at least 32 bytes
	JWTJWKSURL  string `env:"JWT_JWKS_URL"` // RS256, ES256 or EdDSA keys
	JWTIssuer   string `env:"JWT_ISSUER" envDefault:"limitedcart-auth"`
	JWTAudience string `env:"JWT_AUDIENCE"` // empty: not checked
}

// Problems is every reason why a configuration cannot be used, one line each,
// each naming its variable.
type Problems []string

// Error returns the problems, a line each.
func (p Problems) Error() string { return strings.Join(p, "\n") }

// Load reads environ (as os.Environ gives it) and checks what every use of the
// binary needs. A role that is not empty overrides ROLE. The error is Problems.
func Load(environ []string, role string) (Config, error) {
	values := env.ToMap(environ)
	if role != "" {
		values["ROLE"] = role
	}
	var c Config
	problems := parse(&c, values)
	if c.DatabaseURL == "" {
		problems = append(problems, "DATABASE_URL is missing: the libpq URL of the Postgres database")
	}
	if len(problems) > 0 {
		return Config{}, problems
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + browsable(c.HTTPAddr)
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	return c, nil
}

func parse(c *Config, values map[string]string) Problems {
	err := env.ParseWithOptions(c, env.Options{Environment: values})
	if err == nil {
		return nil
	}
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return Problems{err.Error()}
	}
	var problems Problems
	for _, err := range aggregate.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			problems = append(problems, fmt.Sprintf("%s cannot be read: %v", variable(parse.Name), parse.Err))
			continue
		}
		problems = append(problems, err.Error())
	}
	return problems
}

// variable names the environment variable behind a field of Config.
func variable(field string) string {
	if f, ok := reflect.TypeFor[Config]().FieldByName(field); ok {
		return f.Tag.Get("env")
	}
	return field
}

// browsable turns a listen address into one a browser can open.
func browsable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// loopback reports whether a listener on addr is reachable from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
