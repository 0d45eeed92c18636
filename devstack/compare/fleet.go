package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"order-service/devstack/load/engine"
	"order-service/devstack/measure"
	"order-service/devstack/ports"
	"order-service/devstack/sale"
	"order-service/devstack/token"
)

// fleet is what runs: the servers under comparison on the shared backends.
type fleet struct {
	opts     options
	log      io.Writer
	run      string // names what this run writes
	backends *backends
	book     *ports.Book
	secret   string
	admin    map[string]string // addresses of order-service's metrics, by process
	children map[string]*measure.Child
	tokens   []string
	placed   []engine.Placed   // orders to be read
	sold     int               // products made so far
	taken    map[string]uint64 // orders accepted, by process, of those that tell Kafka
	problems []error           // what broke while it was measured
}

const (
	tokenTTL  = 24 * time.Hour
	unitPrice = 1250
	readable  = 2000 // orders to be read
)

func startFleet(ctx context.Context, opts options, log io.Writer) (*fleet, error) {
	f := &fleet{
		opts: opts, log: log, run: strings.ToLower(rand.Text()[:10]),
		secret: rand.Text() + rand.Text(), admin: map[string]string{},
		children: map[string]*measure.Child{}, taken: map[string]uint64{},
	}
	if err := f.start(ctx); err != nil {
		return nil, errors.Join(err, f.stop())
	}
	return f, nil
}

func (f *fleet) start(ctx context.Context) (err error) {
	if f.book, err = ports.Open(""); err != nil {
		return err
	}
	if f.backends, err = openBackends(ctx, f.run); err != nil {
		return err
	}
	for _, name := range f.opts.Only {
		if f.children[processOf(name)] == nil {
			if err := f.startContender(ctx, processOf(name)); err != nil {
				return err
			}
		}
	}
	f.tokens = engine.Tokens(token.Signer{Secret: f.secret}, "buyer", f.opts.Buyers, tokenTTL)
	if slices.Contains(f.opts.Only, read) || slices.Contains(f.opts.Only, stub) {
		return f.place(ctx)
	}
	return nil
}

func (f *fleet) startContender(ctx context.Context, name string) error {
	addr, err := f.address(name)
	if err != nil {
		return err
	}
	env := []string{"JWT_SECRET=" + f.secret, "DATABASE_URL=" + f.backends.database}
	command := []string{
		filepath.Join(f.opts.Bin, "peer"), "--kind=" + name, "--addr=" + addr,
		"--product=" + f.product(0), "--price=" + strconv.Itoa(unitPrice), "--topic=" + f.topic(name),
	}
	if name == service || name == before {
		if f.admin[name], err = f.address("admin of " + name); err != nil {
			return err
		}
		env = append(env, f.environment(name, addr)...)
		dir := f.opts.Bin
		if name == before {
			dir, env = f.opts.Against, append(env, f.opts.With...)
		}
		command = []string{filepath.Join(dir, "order-service"), "--role=api"}
	}
	child, err := measure.StartChild(ctx, name, addr, env, command...)
	if err != nil {
		return err
	}
	f.children[name] = child
	return nil
}

// environment is order-service's. What it promises by default is left as it is.
func (f *fleet) environment(name, addr string) []string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	return []string{
		"HTTP_ADDR=" + addr, "PUBLIC_URL=http://" + addr, "ADMIN_ADDR=" + f.admin[name],
		"LOG_LEVEL=warn", "LOG_FORMAT=console", "SHUTDOWN_DELAY=0s", "RATE_LIMIT_USER_RPS=0",
		"PAYMENT_SANDBOX=true", "PAYMENT_WEBHOOK_SECRET=whsec_" + base64.StdEncoding.EncodeToString(key[:]),
		"KAFKA_TOPIC_ORDER_RESERVATIONS=" + f.topic(name), "KAFKA_TOPIC_ORDER_CREATED=" + f.topic("created"),
		"KAFKA_TOPIC_ORDER_PROGRESS=" + f.topic("progress"), "KAFKA_CONSUMER_GROUP=" + f.topic("saga"),
	}
}

func (f *fleet) topic(name string) string { return "compare." + f.run + "." + name }

// product names the n-th one of this run. The first is there all the time.
func (f *fleet) product(n int) string { return "compare-" + f.run + "-" + strconv.Itoa(n) }

func (f *fleet) address(name string) (string, error) {
	port, err := f.book.Port(name)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// sell puts a product on sale at order-service.
func (f *fleet) sell(ctx context.Context, product string, stock int64) error {
	shelf := sale.NewShelf("http://"+f.children[service].Addr, f.secret)
	return shelf.Open(ctx, sale.Product{ID: product, Name: "Comparison", UnitPrice: unitPrice, Currency: "EUR", Stock: stock})
}

// sellAnew puts n products on sale that never were.
func (f *fleet) sellAnew(ctx context.Context, n int, stock int64) (products []string, err error) {
	for range n {
		f.sold++
		products = append(products, f.product(f.sold))
		if err := f.sell(ctx, f.product(f.sold), stock); err != nil {
			return products, err
		}
	}
	return products, nil
}

// place has orders placed that are there to be read.
func (f *fleet) place(ctx context.Context) error {
	if f.children[service] == nil { // what the stub is asked for need not exist
		f.placed = []engine.Placed{{ID: "0198f9d0-0000-7000-8000-000000000000", Token: f.tokens[0]}}
		return nil
	}
	if err := f.sell(ctx, f.product(0), plenty); err != nil {
		return err
	}
	placed := make(chan engine.Placed, readable)
	run := engine.New(engine.Config{
		Address: f.children[service].Addr, Connections: 32, Duration: time.Minute, Requests: readable,
		Write: f.contender(service).write([]string{f.product(0)}),
		Read: func(n uint64, a engine.Answer) {
			if id := a.OrderID(); id != nil {
				placed <- engine.Placed{ID: string(id), Token: f.tokens[n%uint64(len(f.tokens))]}
			}
		},
	})
	if _, err := run.Do(ctx); err != nil {
		return err
	}
	close(placed)
	for p := range placed {
		f.placed = append(f.placed, p)
	}
	f.taken[service] = uint64(len(f.placed))
	if len(f.placed) == 0 {
		return fmt.Errorf("no order could be placed: %v", run.Tally.Outcomes())
	}
	return f.backends.drained(ctx)
}

// stop ends the servers and removes what they have written.
func (f *fleet) stop() error {
	var problems []error
	for _, c := range f.children {
		problems = append(problems, c.Stop())
	}
	if f.backends != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		problems = append(problems, f.backends.forget(ctx, f.topic("")), f.backends.close(ctx))
	}
	return errors.Join(problems...)
}

func (f *fleet) say(format string, args ...any) { fmt.Fprintf(f.log, format+"\n", args...) }
