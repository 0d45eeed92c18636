package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"order-service/devstack/load/engine"
	"order-service/devstack/measure"
	"order-service/devstack/sale"
	"order-service/devstack/token"
)

// shop is an order-service with a schema, topics and a task queue of its own:
// an api that runs all the time, and a worker that runs while orders are
// measured.
type shop struct {
	stand    *stand
	name     string
	schema   string
	env      []string
	binary   string
	database *pgxpool.Pool
	secret   string
	webhooks *webhooks.Webhook
	tokens   []string
	api      *measure.Child
	worker   *measure.Child // nil while none runs
	sold     int            // products made so far
}

const (
	buyers    = 500
	unitPrice = 1250
	tokenTTL  = 24 * time.Hour
)

func (s *stand) openShop(ctx context.Context, name, dir string, with []string) (*shop, error) {
	shop := &shop{
		stand: s, name: name, schema: "sagabench_" + s.run + "_" + name,
		binary: filepath.Join(dir, "order-service"), secret: rand.Text() + rand.Text(),
	}
	if err := shop.open(ctx, with); err != nil {
		return nil, errors.Join(err, shop.close())
	}
	return shop, nil
}

func (s *shop) open(ctx context.Context, with []string) error {
	if err := s.openDatabase(ctx); err != nil {
		return err
	}
	var key [24]byte
	_, _ = rand.Read(key[:]) // it never fails
	secret := "whsec_" + base64.StdEncoding.EncodeToString(key[:])
	var err error
	if s.webhooks, err = webhooks.NewWebhook(secret); err != nil {
		return err
	}
	s.env = append(s.environment(secret), with...)
	s.tokens = engine.Tokens(token.Signer{Secret: s.secret}, "buyer", buyers, tokenTTL)
	s.api, err = s.start(ctx, "api")
	return err
}

func (s *shop) openDatabase(ctx context.Context) error {
	database, err := measure.DatabaseURL(s.schema)
	if err != nil {
		return err
	}
	s.env = []string{"DATABASE_URL=" + database}
	if s.database, err = pgxpool.New(ctx, database); err != nil {
		return err
	}
	_, err = s.database.Exec(ctx, `CREATE SCHEMA `+s.schema)
	return err
}

// environment is order-service's. What it does by default is left as it is.
func (s *shop) environment(webhookSecret string) []string {
	queue := "sagabench." + s.stand.run + "." + s.name
	env := append(s.env,
		"JWT_SECRET="+s.secret, "PAYMENT_WEBHOOK_SECRET="+webhookSecret, "TEMPORAL_TASK_QUEUE="+queue,
		"KAFKA_TOPIC_ORDER_RESERVATIONS="+queue+".reservations", "KAFKA_TOPIC_ORDER_CREATED="+queue+".created",
		"KAFKA_TOPIC_ORDER_PROGRESS="+queue+".progress", "KAFKA_CONSUMER_GROUP="+queue+".saga",
		"ADMIN_ADDR=off", "LOG_LEVEL=warn", "LOG_FORMAT=console", "SHUTDOWN_DELAY=0s", "RATE_LIMIT_USER_RPS=0",
		"INTAKE_BUDGET=5s", // the intake is not what is measured
		"PAYMENT_TIMEOUT=2h",
	)
	if s.stand.distance != nil {
		env = append(env, "TEMPORAL_ADDRESS="+s.stand.distance.addr)
	}
	if s.stand.provider != nil {
		return append(env, "PAYMENT_URL="+s.stand.provider.url)
	}
	return append(env, "PAYMENT_SANDBOX=true")
}

func (s *shop) start(ctx context.Context, role string) (*measure.Child, error) {
	port, err := s.stand.book.Port(s.name + " " + role)
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	env := append([]string{"HTTP_ADDR=" + addr, "PUBLIC_URL=http://" + addr}, s.env...)
	return measure.StartChild(ctx, s.name+"'s "+role, addr, env, s.binary, "--role="+role)
}

// sell puts a product on sale that never was.
func (s *shop) sell(ctx context.Context, stock int) (product string, err error) {
	s.sold++
	product = fmt.Sprintf("%s-%d", s.schema, s.sold)
	err = sale.NewShelf("http://"+s.api.Addr, s.secret).Open(ctx, sale.Product{
		ID: product, Name: "Backlog", UnitPrice: unitPrice, Currency: "EUR", Stock: int64(stock),
	})
	return product, err
}

// order writes requests for a product.
func (s *shop) order(product string) func(uint64, []byte) []byte {
	return engine.Orders(s.api.Addr, s.tokens, `{"productId":"`+product+`","quantity":1}`)
}

// placeWithin bounds how long the orders of a backlog, or its payments, may
// take to be sent.
const placeWithin = 10 * time.Minute

// place has n orders accepted and returns when all of them are in Kafka.
func (s *shop) place(ctx context.Context, product string, n int) error {
	run := engine.New(engine.Config{
		Address: s.api.Addr, Connections: 64, Duration: placeWithin, Requests: uint64(n), Write: s.order(product),
	})
	if _, err := run.Do(ctx); err != nil {
		return err
	}
	if accepted := run.Tally.Count(engine.Accepted); accepted != uint64(n) {
		return fmt.Errorf("%d of %d orders were accepted: %v", accepted, n, run.Tally.Outcomes())
	}
	return s.until(ctx, time.Minute, "the outbox is not empty", func() (bool, error) {
		left, err := s.count(ctx, `SELECT count(*) FROM outbox`)
		return left == 0, err
	})
}

func (s *shop) count(ctx context.Context, sql string, args ...any) (n int, err error) {
	err = s.database.QueryRow(ctx, sql, args...).Scan(&n)
	return n, err
}

// until returns once done says so, or fails with the complaint.
func (s *shop) until(ctx context.Context, within time.Duration, complaint string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errors.New(complaint))
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *shop) stopWorker() error {
	if s.worker == nil {
		return nil
	}
	defer func() { s.worker = nil }()
	return s.worker.Stop()
}

// close ends the processes and drops the schema. Topics and workflows are left
// to their retention.
func (s *shop) close() error {
	problems := []error{s.stopWorker()}
	if s.api != nil {
		problems = append(problems, s.api.Stop())
	}
	if s.database != nil {
		_, err := s.database.Exec(context.Background(), `DROP SCHEMA IF EXISTS `+s.schema+` CASCADE`)
		problems = append(problems, err)
		s.database.Close()
	}
	return errors.Join(problems...)
}
