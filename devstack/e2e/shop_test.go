package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

// soaking asks for the long forms and the high counts.
var soaking = os.Getenv("SOAK") != ""

// patience bounds every wait; it is reached only when something is broken. On a
// machine with ten times as much to do as it can, Temporal alone has been seen to
// need a minute for what takes a second.
var patience = either(2*time.Minute, 6*time.Minute)

// either is the short form of something, or its long one when soaking.
func either[T any](short, long T) T {
	if soaking {
		return long
	}
	return short
}

// shop is one test's world: what its services share, and what surrounds them.
type shop struct {
	t        *testing.T
	env      map[string]string
	provider *provider
	redis    *redis.Client // its logical database
	services []*service
	url      string // of the service that serves the API

	// insisting has every request repeated while the connection breaks or the
	// answer is 503, as clients do that want their order.
	insisting bool

	login []kgo.Opt // how the test itself speaks to a Kafka that is not open to all

	client   *http.Client // makes the requests; nil: one that takes any connection
	balancer *balancer    // chooses who is asked, instead of url; nil: none
	witness  *witness     // notes every answer; nil: none
}

// with changes the environment of a shop's services: name, value, ….
func newShop(t *testing.T, with ...string) *shop {
	t.Helper()
	name := strings.ToLower(rand.Text()[:10])
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	s := &shop{t: t, provider: newProvider(t)}
	redisURL := s.openRedis()
	s.env = map[string]string{
		"DATABASE_URL":                   newSchema(t),
		"REDIS_URL":                      redisURL,
		"KAFKA_BOOTSTRAP":                os.Getenv("KAFKA_BOOTSTRAP"),
		"TEMPORAL_ADDRESS":               os.Getenv("TEMPORAL_ADDRESS"),
		"KAFKA_TOPIC_ORDER_RESERVATIONS": name + ".reservations",
		"KAFKA_TOPIC_ORDER_CREATED":      name + ".created",
		"KAFKA_TOPIC_ORDER_PROGRESS":     name + ".progress",
		"KAFKA_CONSUMER_GROUP":           name + ".saga",
		"TEMPORAL_TASK_QUEUE":            name,
		"PAYMENT_URL":                    s.provider.url,
		"PAYMENT_WEBHOOK_SECRET":         "whsec_" + base64.StdEncoding.EncodeToString(key[:]),
		"JWT_SECRET":                     rand.Text() + rand.Text(),
		"ADMIN_ADDR":                     "127.0.0.1:0",
		"INTAKE_BUDGET":                  "5s", // what a busy test machine does is not the test's subject
		"RATE_LIMIT_USER_RPS":            "0",
		"SHUTDOWN_DELAY":                 "0s", // no balancer stands before the tests' services
	}
	for i := 0; i < len(with); i += 2 {
		s.env[with[i]] = with[i+1]
	}
	t.Cleanup(s.close)
	return s
}

// openRedis gives the shop a logical database. Shops that happen to share one
// do not meet, because products have random ids; a flush costs the other one a
// rebuild of its gate.
func (s *shop) openRedis() string {
	s.t.Helper()
	u, err := url.Parse(os.Getenv("REDIS_URL"))
	if err != nil {
		s.t.Fatalf("REDIS_URL: %v", err)
	}
	u.Path = "/" + strconv.Itoa(database(s.t))
	opts, err := redis.ParseURL(u.String())
	if err != nil {
		s.t.Fatalf("REDIS_URL: %v", err)
	}
	s.redis = redis.NewClient(opts)
	s.t.Cleanup(func() { _ = s.redis.Close() })
	return u.String()
}

// database returns the number of a logical Redis database: 1 to 15, which
// every server has, in turn.
func database(t *testing.T) int {
	t.Helper()
	suite.mu.Lock()
	defer suite.mu.Unlock()
	suite.shops++
	return 1 + suite.shops%15
}

// close stops the services. A test that went well must leave the invariants
// intact, and services that stop cleanly.
func (s *shop) close() {
	if !s.t.Failed() {
		s.verify()
	}
	for _, svc := range slices.Backward(s.services) {
		svc.stop()
	}
	s.provider.checkRefunds(s.t)
	if s.t.Failed() {
		for _, svc := range s.services {
			s.t.Logf("log of %s:\n%s", svc.name, svc.log.tail())
		}
	}
}

// verify runs order-service --verify until it finds nothing wrong: the gate
// follows the ledger within a second or so of the last order.
func (s *shop) verify() {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		out, err := s.run("--verify", "--json")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("verify: %v\n%s", err, out)
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// run executes the binary once, with the environment of the services.
func (s *shop) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, suite.binary, args...)
	cmd.Env = s.environ()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// environ is the environment of the shop's processes; nothing of the test's
// own gets in but what a program needs to run.
func (s *shop) environ(extra ...map[string]string) []string {
	all := maps.Clone(s.env)
	for _, more := range extra {
		maps.Copy(all, more)
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range all {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// product puts a product with a random id on sale at 12.50 EUR.
func (s *shop) product(stock int64) string {
	s.t.Helper()
	id := "p-" + strings.ToLower(rand.Text()[:12])
	s.putStock(id, stock)
	return id
}

const unitPrice = 1250

// awaitGate waits until the gate knows the product as it was written last. An
// administrator is answered before that where Redis is late.
func (s *shop) awaitGate(id string) {
	s.t.Helper()
	var version int
	s.ask(fmt.Sprintf(`SELECT version FROM products WHERE product_id = '%s'`, id), &version)
	s.wait("the gate knows the terms of product "+id, patience, func() bool {
		known, err := s.redis.HGet(s.t.Context(), "gate:{"+id+"}:product", "terms").Int()
		return err == nil && known >= version
	})
}

// putStock creates the product or changes its total.
func (s *shop) putStock(id string, stock int64) {
	s.t.Helper()
	body := map[string]any{"name": "Product " + id, "unitPrice": unitPrice, "currency": "EUR", "stock": stock}
	s.buyer("root", admin).call("PUT", "/admin/products/"+id, body).expect(200)
}

// spare units keep buyers that come at once from being told sold out: from the
// commit of a reservation until the gate hears of it, its units count twice
// there. A crash in between makes that as long as the order takes to go on.
const spare = 20

// ledger is what the admin API says of a product's units.
type ledger struct{ Total, Available, Reserved, Confirmed int64 }

func (s *shop) ledger(id string) (l ledger) {
	s.t.Helper()
	var body struct{ Ledger ledger }
	s.buyer("root", admin).call("GET", "/admin/products/"+id, nil).expect(200).decode(&body)
	return body.Ledger
}

// expectLedger fails the test unless total = available + reserved + confirmed
// with the given numbers.
func (s *shop) expectLedger(productID string, want ledger) {
	s.t.Helper()
	want.Total = want.Available + want.Reserved + want.Confirmed
	if got := s.ledger(productID); got != want {
		s.t.Errorf("ledger of %s: %+v, want %+v", productID, got, want)
	}
}

// paid tells the service that the provider received the order's payment.
func (s *shop) paid(o orderView) reply {
	s.t.Helper()
	return s.webhook(o.OrderID, "payment-success", map[string]any{
		"paymentId": o.PaymentID, "amount": o.Amount, "currency": o.Currency,
	})
}

// declined tells the service that the provider declined the order's payment.
func (s *shop) declined(o orderView) reply {
	s.t.Helper()
	return s.webhook(o.OrderID, "payment-failure", map[string]any{"paymentId": o.PaymentID, "reason": "insufficient funds"})
}

// orderView is an order as the API shows it.
type orderView struct {
	OrderID         uuid.UUID
	Status          order.Status
	Seq             int64
	ProductID       string
	Quantity        int
	Amount          int64
	Currency        string
	PaymentID       string
	PaymentURL      string
	FailureReason   order.Reason
	CancelRequested bool
}

func (o orderView) String() string {
	return fmt.Sprintf("%s %s %s (seq %d)", o.OrderID, o.Status, o.FailureReason, o.Seq)
}
