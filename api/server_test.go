package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"order-service/intake"
	"order-service/order"
)

const (
	testSecret  = "0123456789abcdef0123456789abcdef"
	testIssuer  = "limitedcart-auth"
	testWebhook = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, // both are fasthttp's: one lives as long as the process, the other outlives its server by 10 s
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

func testConfig() Config {
	return Config{
		PublicURL: "http://shop.test", JWT: JWTConfig{Secret: testSecret, Issuer: testIssuer},
		WebhookSecrets: []string{testWebhook}, DevLogin: true, Sandbox: true, Version: "test", Log: zerolog.Nop(),
		IdleTimeout: time.Minute,
	}
}

// site is a running server and a client for it.
type site struct {
	*testing.T
	*Server
	shop   *shop
	url    string
	client *http.Client
}

// serve starts a server on a free port; it is stopped with the test.
func serve(t *testing.T, shop *shop, change ...func(*Config, *Deps)) *site {
	t.Helper()
	cfg, deps := testConfig(), shop.deps()
	accepting := intake.New(intake.Config{Meter: shop.meter, Log: zerolog.Nop()}, shop, shop)
	t.Cleanup(func() {
		if err := accepting.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	deps.Intake = accepting
	for _, c := range change {
		c(&cfg, &deps)
	}
	server, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, shop, server)
}

func run(t *testing.T, shop *shop, server *Server) *site {
	t.Helper()
	if err := server.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &site{T: t, Server: server, shop: shop, url: "http://" + server.Addr().String(), client: client}
}

// with is s for a subtest, whose failures are its own.
func (s *site) with(t *testing.T) *site {
	sub := *s
	sub.T = t
	return &sub
}

// problem is RFC 9457's problem details, as clients read them.
type problem struct {
	Type      string             `json:"type"`
	Title     string             `json:"title"`
	Status    int                `json:"status"`
	Detail    string             `json:"detail,omitempty"`
	Code      order.Code         `json:"code"`
	Errors    []order.FieldError `json:"errors,omitempty"`
	RequestID string             `json:"requestId,omitempty"`
	TraceID   string             `json:"traceId,omitempty"`
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// call sends a request. A body that is not empty is JSON unless said otherwise.
func (s *site) call(method, path, body string, h ...string) answer {
	s.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp, content}
}

// as is call with a token of the user.
func (s *site) as(user, method, path, body string, h ...string) answer {
	s.Helper()
	return s.call(method, path, body, append([]string{"Authorization", "Bearer " + token(s.T, user)}, h...)...)
}

// token signs a good token for a user; "admin" also has ROLE_ADMIN.
func token(t *testing.T, user string) string {
	t.Helper()
	roles := []string{"ROLE_USER"}
	if user == "admin" {
		roles = append(roles, "ROLE_ADMIN")
	}
	return signed(t, jwt.SigningMethodHS256, []byte(testSecret), jwt.MapClaims{
		"iss": testIssuer, "userId": user, "roles": roles, "exp": time.Now().Add(time.Hour).Unix(),
	})
}

func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (a answer) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
}

// problem checks that a is a well-formed problem and returns it.
func (a answer) problem(t *testing.T, status int, code order.Code) problem {
	t.Helper()
	var p problem
	if a.StatusCode != status || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %s %s, want %d %s", a.StatusCode, a.Header.Get("Content-Type"), a.body, status, code)
	}
	a.decode(t, &p)
	if p.Code != code || p.Status != status || p.Type != "/problems/"+string(code) || p.Title == "" || p.Detail == "" || p.RequestID == "" {
		t.Fatalf("got %s, want code %s", a.body, code)
	}
	return p
}

func (a answer) ok(t *testing.T) answer {
	t.Helper()
	if a.StatusCode/100 != 2 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	return a
}

// raw sends bytes over a connection of their own and returns the response.
func (s *site) raw(text string) answer {
	s.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		s.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	content, _ := io.ReadAll(resp.Body)
	return answer{resp, content}
}

// exchange orders with a further header and returns the answer as it came over
// the wire, without its date.
func (s *site) exchange(header string) string {
	s.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		token(s.T, "ann"), header, len(lamp), lamp)
	answer, err := io.ReadAll(conn)
	if err != nil {
		s.Fatal(err)
	}
	return string(regexp.MustCompile("Date: [^\r]*\r\n|Connection: close\r\n").ReplaceAll(answer, nil))
}

func TestEveryCodeOfTheDomainHasAStatus(t *testing.T) {
	source, err := os.ReadFile("../order/errors.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 20 {
		t.Fatalf("%d codes are found", len(codes))
	}
	for _, code := range codes {
		if k := kinds[order.Code(code[1])]; k.status < 400 || k.title == "" {
			t.Errorf("%s has no entry", code[1])
		}
	}
}

func TestErrorsOfTheServerItselfAreProblems(t *testing.T) {
	s := serve(t, newShop())
	s.call("GET", "/nowhere", "").problem(t, 404, order.CodeNotFound)

	wrong := s.call("DELETE", "/orders", "")
	wrong.problem(t, 405, order.CodeMethodNotAllowed)
	if allow := wrong.Header.Get("Allow"); !strings.Contains(allow, "POST") || !strings.Contains(allow, "GET") {
		t.Errorf("Allow is %q", allow)
	}
	s.raw("BREW /orders HTTP/1.1\r\nHost: x\r\n\r\n").problem(t, 405, order.CodeMethodNotAllowed)
	s.raw("GET / HTTP/1.1\r\nHost: x\r\nX-Big: "+strings.Repeat("x", 17<<10)+"\r\n\r\n").problem(t, 431, codeHeadersTooLarge)
	s.raw("nonsense\r\n\r\n").problem(t, 400, codeBadRequest)
	s.call("POST", "/orders", strings.Repeat("x", 1<<20)).problem(t, 413, order.CodeTooLarge)
}

func TestProblemTypesAreDescribed(t *testing.T) {
	s := serve(t, newShop())
	var description struct{ Status int }
	s.call("GET", "/problems/sold-out", "").ok(t).decode(t, &description)
	if description.Status != 409 {
		t.Errorf("sold-out is described as %d", description.Status)
	}
	s.call("GET", "/problems/made-up", "").problem(t, 404, order.CodeNotFound)
}

func TestUnknownErrorIsLoggedInFullAndAnsweredBriefly(t *testing.T) {
	var log bytes.Buffer
	shop := newShop()
	shop.storeErr = errors.New("relation \"orders\" does not exist")
	s := serve(t, shop, func(c *Config, _ *Deps) { c.Log = zerolog.New(&log).Level(zerolog.InfoLevel) })
	o := shop.put("ann", order.Pending)
	a := s.as("ann", "GET", "/orders/"+o.ID.String(), "", "X-Request-Id", "from-the-proxy")
	p := a.problem(t, 500, order.CodeInternal)
	if strings.Contains(string(a.body), "relation") {
		t.Errorf("the answer tells internals: %s", a.body)
	}
	if p.RequestID != "from-the-proxy" || strings.Count(log.String(), "does not exist") != 1 || !strings.Contains(log.String(), p.RequestID) {
		t.Errorf("request %s, log %s", p.RequestID, &log)
	}
}

func TestPanicIsAnsweredAsInternal(t *testing.T) {
	shop := newShop()
	shop.onJoin = func() { panic("out of cheese") }
	s := serve(t, shop)
	s.as("ann", "GET", "/orders/events", "").problem(t, 500, order.CodeInternal)
	s.call("GET", "/livez", "").ok(t)
}

func TestBackendThatTimesOutIsUnavailable(t *testing.T) {
	shop := newShop()
	shop.storeErr = fmt.Errorf("query: %w", context.DeadlineExceeded)
	s := serve(t, shop)
	a := s.as("ann", "GET", "/orders/"+shop.put("ann", order.Pending).ID.String(), "")
	a.problem(t, 503, order.CodeUnavailable)
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestEveryAnswerHasSecurityHeadersAndARequestID(t *testing.T) {
	s := serve(t, newShop())
	for _, path := range []string{"/", "/products", "/nowhere", "/livez", "/orders"} {
		h := s.call("GET", path, "").Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestOtherOriginsMayCallOnlyWhenConfigured(t *testing.T) {
	const origin = "https://shop.example"
	plain := serve(t, newShop())
	if h := plain.call("GET", "/products", "", "Origin", origin).Header; h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("unasked CORS: %v", h)
	}
	s := serve(t, newShop(), func(c *Config, _ *Deps) { c.CORSOrigins = []string{origin} })
	if h := s.call("GET", "/nowhere", "", "Origin", origin).Header; h.Get("Access-Control-Allow-Origin") != origin {
		t.Errorf("an error without CORS: %v", h)
	}
	if h := s.call("GET", "/products", "", "Origin", "https://evil.example").Header; h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("foreign origin: %v", h)
	}
	preflight := s.call("OPTIONS", "/orders", "", "Origin", origin, "Access-Control-Request-Method", "POST").ok(t).Header
	if !strings.Contains(preflight.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
		t.Errorf("preflight: %v", preflight)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"webhook secret not base64": func(c *Config) { c.WebhookSecrets = []string{"whsec_!"} },
		"webhook secret too short":  func(c *Config) { c.WebhookSecrets = []string{"whsec_QUJD"} },
		"origin":                    func(c *Config) { c.CORSOrigins = []string{"nonsense"} },
		"demo login without secret": func(c *Config) { c.JWT = JWTConfig{JWKSURL: "http://127.0.0.1:1", Issuer: "i"} },
		"no way to check tokens":    func(c *Config) { c.JWT.Secret = "" },
		"no issuer":                 func(c *Config) { c.JWT.Issuer = "" },
	} {
		cfg := testConfig()
		change(&cfg)
		if _, err := New(cfg, newShop().deps()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAddressInUseIsToldByListen(t *testing.T) {
	s := serve(t, newShop())
	other := NewHealth(testConfig(), nil)
	defer other.Shutdown(context.Background())
	if err := other.Listen(s.Addr().String()); err == nil {
		t.Error("two servers on one address")
	}
}

func TestServerThatNeverServedShutsDown(t *testing.T) {
	server := NewHealth(testConfig(), nil)
	if err := server.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(server.Shutdown(context.Background()), server.Shutdown(context.Background())); err != nil {
		t.Error(err)
	}
	if err := server.Serve(); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}
