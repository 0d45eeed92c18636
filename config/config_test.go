package config

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// valid is the smallest environment with which every role starts.
func valid() map[string]string {
	return map[string]string{
		"DATABASE_URL":           "postgres://localhost/orders",
		"JWT_SECRET":             strings.Repeat("s", 32),
		"PAYMENT_URL":            "http://payments.internal",
		"PAYMENT_WEBHOOK_SECRET": "whsec_" + strings.Repeat("QUJD", 8),
	}
}

func load(t *testing.T, change map[string]string) (Config, error) {
	t.Helper()
	values := valid()
	for name, value := range change {
		values[name] = value
	}
	var environ []string
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	c, err := Load(environ, "")
	if err != nil {
		return c, err
	}
	return c, c.Validate()
}

func TestDefaultsAreThoseOfTheDocumentation(t *testing.T) {
	c, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Role != RoleAll || c.HTTPAddr != ":8080" || c.PublicURL != "http://localhost:8080" ||
		c.PaymentTimeout != 15*time.Minute || c.IntakeBudget != 20*time.Millisecond || c.TopicProgress != "order.progress" {
		t.Fatalf("unexpected defaults: %+v", c)
	}
}

func TestWrongValueNamesItsVariable(t *testing.T) {
	for name, values := range map[string][]string{
		"ROLE":                             {"server"},
		"DATABASE_URL":                     {"", "orders", "mysql://db/orders", "postgres://db:port/orders"},
		"DATABASE_DIRECT_URL":              {"orders", "mysql://db/orders"},
		"REDIS_URL":                        {"localhost:6379", "http://redis", "redis://", "redis://redis/orders", "redis://redis:port"},
		"CORS_ORIGINS":                     {"shop.example", "https://shop.example/", "https://shop.example/page", "ftp://shop.example", "https://shop.example,,", "*,https://shop.example"},
		"TEMPORAL_ADDRESS":                 {"temporal"},
		"TEMPORAL_TLS_CA":                  {"renamed.pem"},
		"REDIS_TLS_CA":                     {"/nowhere.pem", "config_test.go"},
		"KAFKA_TLS_CERT":                   {"only-a-cert.pem"},
		"KAFKA_PASSWORD":                   {"without-a-mechanism"},
		"KAFKA_TOKEN":                      {"without-a-mechanism"},
		"KAFKA_OAUTH_TOKEN_URL":            {"issuer", "http://issuer.internal/token"},
		"KAFKA_OAUTH_CLIENT_SECRET":        {"without-a-url"},
		"KAFKA_OAUTH_SCOPES":               {"without-a-url"},
		"KAFKA_OAUTH_EXTENSIONS":           {"logicalCluster", "=x", "without=a-mechanism"},
		"KAFKA_TLS_CA":                     {"/nowhere.pem", "config_test.go"},
		"KAFKA_TOPIC_ORDER_CREATED":        {"orders created", "..", strings.Repeat("x", 246), "orders.reservations", "orders.reservations.dlq", "order.progress"},
		"HTTP_ADDR":                        {"8080", ":port", ":65536"},
		"HTTP_IDLE_TIMEOUT":                {"75", "10ms", "-1m"},
		"ADMIN_ADDR":                       {"9090"},
		"METRICS_ADDR":                     {"9091"},
		"PUBLIC_URL":                       {"shop.example", "ftp://shop.example"},
		"SHUTDOWN_DELAY":                   {"-1s", "9s", "soon"},
		"LOG_LEVEL":                        {"loud", "disabled", "fatal", "panic", "0", "-1", "warning"},
		"LOG_FORMAT":                       {"xml"},
		"KAFKA_BOOTSTRAP":                  {"broker", "broker:9092,", "broker:port"},
		"KAFKA_REPLICATION":                {"three", "0", "-7"},
		"KAFKA_SASL_MECHANISM":             {"GSSAPI", "PLAIN", "OAUTHBEARER", "AWS_MSK_IAM"},
		"KAFKA_USERNAME":                   {"only-a-name"},
		"PAYMENT_API_KEY":                  {"over-plain-http"},
		"TEMPORAL_TLS_SERVER_CA_CERT_PATH": {"/nowhere.pem", "config_test.go"},
		"TEMPORAL_TLS_CLIENT_CERT_PATH":    {"only-a-cert.pem"},
		"PAYMENT_URL":                      {"", "payments"},
		"WORKER_POLLERS":                   {"-1", "some"},
		"WORKER_TASKS":                     {"-1", "1"},
		"WORKER_CACHED_ORDERS":             {"-1"},
		"PAYMENT_CONCURRENCY":              {"0", "-1", "many"},
		"PAYMENT_TLS_CERT":                 {"only-a-cert.pem"},
		"PAYMENT_TLS_CA":                   {"for-plain-http.pem"},
		"PAYMENT_TIMEOUT":                  {"15", "10ms", "-1m"},
		"PAYMENT_WEBHOOK_SECRET":           {"", "secret", "whsec_!!!", "whsec_QUJD"},
		"INTAKE_BUDGET":                    {"0s"},
		"RATE_LIMIT_USER_RPS":              {"-1", "many", "Inf", "NaN"},
		"RATE_LIMIT_GLOBAL_RPS":            {"-1"},
		"SSE_MAX_STREAMS":                  {"0"},
		"SSE_MAX_STREAMS_PER_USER":         {"-1"},
		"JWT_SECRET":                       {"", "short"},
		"JWT_JWKS_URL":                     {"both-are-set", "http://auth.internal/keys"},
		"JWT_ADMIN_ROLE":                   {"*", "ROLE_USER"},
		"DEV_LOGIN":                        {"true", "perhaps"},
		"PAYMENT_SANDBOX":                  {"true"},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				_, err := load(t, map[string]string{name: value})
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Fatalf("got %v, want a problem that names %s", err, name)
				}
			})
		}
	}
}

// Temporal's tools know more variables than are read here. One of them that was
// passed over had its operator believe that it counted.
func TestAVariableOfTemporalsToolsThatIsNotReadStopsTheStart(t *testing.T) {
	for name, instead := range map[string]string{
		"TEMPORAL_CONFIG_FILE":                   "TEMPORAL_ADDRESS",
		"TEMPORAL_PROFILE":                       "TEMPORAL_ADDRESS",
		"TEMPORAL_TLS_CLIENT_CERT_DATA":          "TEMPORAL_TLS_CLIENT_CERT_PATH",
		"TEMPORAL_TLS_CLIENT_KEY_DATA":           "TEMPORAL_TLS_CLIENT_KEY_PATH",
		"TEMPORAL_TLS_SERVER_CA_CERT_DATA":       "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
		"TEMPORAL_TLS_DISABLE_HOST_VERIFICATION": "TEMPORAL_TLS_SERVER_NAME",
		"TEMPORAL_GRPC_META_X_TENANT":            "unset it",
	} {
		_, err := load(t, map[string]string{name: "-----BEGIN"})
		said := fmt.Sprint(err)
		if !strings.HasPrefix(said, name+" is not read here: ") || !strings.Contains(said, instead) || strings.Contains(said, "BEGIN") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := load(t, map[string]string{name: ""}); err != nil {
			t.Errorf("%s that is empty: %v", name, err)
		}
	}
}

func TestWhiteSpaceAtAnEndOfAValueStopsTheStart(t *testing.T) {
	good := valid()
	for field := range reflect.TypeFor[Config]().Fields() {
		name := field.Tag.Get("env")
		value := cmp.Or(good[name], field.Tag.Get("envDefault"), "x")
		values := []string{value + "\n", " " + value, value + "\t", value + "\r\n", "\u00a0" + value, " "}
		if field.Type.Kind() == reflect.Slice {
			values = append(values, value+", "+value, value+" ,"+value)
		}
		for _, given := range values {
			_, err := load(t, map[string]string{name: given})
			if err == nil || !strings.Contains(err.Error(), name+" has white space") {
				t.Errorf("%s=%q: %v", name, given, err)
			}
		}
	}
}

func TestWhiteSpaceIsTheOnlyProblemOfAValueThatIsGoodWithoutIt(t *testing.T) {
	_, err := load(t, map[string]string{"JWT_SECRET": strings.Repeat("s", 32) + "\n", "PAYMENT_TIMEOUT": " 15m"})
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 2 || strings.Contains(fmt.Sprint(err), "sss") {
		t.Fatalf("got %d problems, want 2:\n%v", n, err)
	}
}

func TestLogLevelsAreTakenInSmallLettersAndInCapitals(t *testing.T) {
	for _, level := range []string{"", "trace", "debug", "info", "warn", "error", "INFO", "Warn"} {
		c, err := load(t, map[string]string{"LOG_LEVEL": level})
		if err != nil || c.ValidateCommand() != nil {
			t.Errorf("%s: %v, of a command %v", level, err, c.ValidateCommand())
		}
	}
}

func TestOriginsOfEveryFormAreTaken(t *testing.T) {
	for _, origins := range []string{"", "*", "https://shop.example", "http://localhost:3000,https://*.shop.example"} {
		if _, err := load(t, map[string]string{"CORS_ORIGINS": origins}); err != nil {
			t.Errorf("%s: %v", origins, err)
		}
	}
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	_, err := load(t, map[string]string{"LOG_FORMAT": "xml", "JWT_SECRET": "short", "PAYMENT_TIMEOUT": "1ms"})
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 3 {
		t.Fatalf("got %d problems, want 3:\n%v", n, err)
	}
}

func TestDemoNeedsLoopbackOrConsent(t *testing.T) {
	demo := map[string]string{"DEV_LOGIN": "true", "PAYMENT_SANDBOX": "true", "PAYMENT_URL": ""}
	for addr, allowed := range map[string]bool{
		"127.0.0.1:8080": true, "[::1]:8080": true, "localhost:8080": true,
		":8080": false, "0.0.0.0:8080": false, "10.0.0.1:8080": false, "[::]:8080": false,
	} {
		demo["HTTP_ADDR"] = addr
		if _, err := load(t, demo); (err == nil) != allowed {
			t.Errorf("%s: got %v, want allowed %v", addr, err, allowed)
		}
	}
	demo["HTTP_ADDR"], demo["ALLOW_DEMO"] = ":8080", "true"
	if _, err := load(t, demo); err != nil {
		t.Errorf("ALLOW_DEMO=true: %v", err)
	}
}

func TestWorkerNeedsNoTokens(t *testing.T) {
	if _, err := load(t, map[string]string{"ROLE": "worker", "JWT_SECRET": "", "PAYMENT_WEBHOOK_SECRET": ""}); err != nil {
		t.Fatal(err)
	}
}

func TestRoleFlagOverridesTheEnvironment(t *testing.T) {
	c, err := Load([]string{"DATABASE_URL=postgres://x/y", "ROLE=api"}, "worker")
	if err != nil || c.Role != RoleWorker {
		t.Fatalf("got %v, %v", c.Role, err)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c, err := load(t, map[string]string{"DATABASE_URL": "postgres://u:hunter2@db/orders"})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c)} {
		if strings.Contains(printed, "hunter2") || strings.Contains(printed, strings.Repeat("s", 32)) {
			t.Fatalf("a secret was printed: %s", printed)
		}
	}
}

func TestAnIssuerThatIsAURLIsAskedForItsKeys(t *testing.T) {
	for issuer, want := range map[string]bool{"https://login.example/realms/shop": true, "limitedcart-auth": false} {
		cfg, err := load(t, map[string]string{"JWT_SECRET": "", "JWT_ISSUER": issuer})
		if (err == nil) != want || cfg.DiscoversKeys() != want {
			t.Errorf("%s: discovers keys %v, %v", issuer, cfg.DiscoversKeys(), err)
		}
	}
	if cfg, _ := load(t, map[string]string{"JWT_ISSUER": "https://login.example"}); cfg.DiscoversKeys() {
		t.Error("the issuer is asked though there is a secret")
	}
}
