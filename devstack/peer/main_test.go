package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/devstack/token"
	"order-service/order"
)

// start serves a kind until the test ends.
func start(t *testing.T, kind string) (s settings, url string) {
	t.Helper()
	name := strings.ToLower(rand.Text()[:10])
	s = settings{
		kind: kind, product: "p-" + name, topic: name + "." + kind, price: 1250, secret: rand.Text() + rand.Text(), pool: 2,
		postgres: os.Getenv("DATABASE_URL"), redis: os.Getenv("REDIS_URL"), broker: os.Getenv("KAFKA_BOOTSTRAP"),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the end of %s: %v", kind, err)
		}
	})
	return s, "http://" + listener.Addr().String()
}

// send returns the answer's status and body.
func send(t *testing.T, method, url, token, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, data
}

// buy places an order of s that must be accepted.
func buy(t *testing.T, s settings, url string) uuid.UUID {
	t.Helper()
	status, body := send(t, "POST", url+"/orders", token.Mint(s.secret, "alice", time.Hour, token.User), `{"productId":"`+s.product+`","quantity":2}`)
	var answer struct {
		OrderID uuid.UUID
		Status  order.Status
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusAccepted || answer.Status != order.Pending {
		t.Fatalf("%d %s, %v; want a 202", status, body, err)
	}
	return answer.OrderID
}

func TestCeilingAnswersOrdersAndReads(t *testing.T) {
	s, url := start(t, "ceiling")
	id := buy(t, s, url)
	status, body := send(t, "GET", url+"/orders/"+id.String(), token.Mint(s.secret, "alice", time.Hour, token.User), "")
	if status != http.StatusOK || !strings.Contains(string(body), id.String()) {
		t.Errorf("%d %s, want the order", status, body)
	}
}

func TestPeersRefuseAsTheServiceDoes(t *testing.T) {
	s, url := start(t, "ceiling")
	good := token.Mint(s.secret, "alice", time.Hour, token.User)
	for name, c := range map[string]struct {
		token, body string
		want        int
	}{
		"no order":       {good, `{`, http.StatusBadRequest},
		"no quantity":    {good, `{"productId":"p"}`, http.StatusUnprocessableEntity},
		"no token":       {"", `{"productId":"p","quantity":1}`, http.StatusUnauthorized},
		"another's":      {token.Mint("another", "alice", time.Hour, token.User), `{"productId":"p","quantity":1}`, http.StatusUnauthorized},
		"one that ended": {token.Mint(s.secret, "alice", -time.Hour, token.User), `{"productId":"p","quantity":1}`, http.StatusUnauthorized},
	} {
		if status, body := send(t, "POST", url+"/orders", c.token, c.body); status != c.want {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.want)
		}
	}
}

func TestNaiveWritesARowAndAnEvent(t *testing.T) {
	s, url := start(t, "naive")
	id := buy(t, s, url)
	db, err := pgx.Connect(t.Context(), s.postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	var amount int64
	err = db.QueryRow(t.Context(), `SELECT amount FROM naive_orders WHERE order_id = $1`, id).Scan(&amount)
	if err != nil || amount != 2500 {
		t.Errorf("the row's amount: %d, %v", amount, err)
	}
	expectEvent(t, s, id)
}

func TestD2WritesAnEventAndCountsItsRequest(t *testing.T) {
	s, url := start(t, "d2")
	expectEvent(t, s, buy(t, s, url))
	_, body := send(t, "GET", url+"/metrics", "", "")
	var requests int // more than one where the broker was slow
	if n, _ := fmt.Sscanf(string(body), "order_service_kafka_produce_requests_total %d\n", &requests); n != 1 || requests < 1 {
		t.Errorf("metrics: %s", body)
	}
}

func expectEvent(t *testing.T, s settings, id uuid.UUID) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker), kgo.ConsumeTopics(s.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var event order.ReservationEvent
	var records []*kgo.Record
	for len(records) == 0 && ctx.Err() == nil { // the topic may still be on its way
		records = client.PollFetches(ctx).Records()
	}
	if len(records) != 1 || json.Unmarshal(records[0].Value, &event) != nil || event.OrderID != id || event.Amount != 2500 {
		t.Errorf("%d records, the first %+v; want the reservation of %s", len(records), event, id)
	}
}
