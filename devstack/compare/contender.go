package main

import (
	"net/http"

	"order-service/devstack/load/engine"
	"order-service/devstack/measure"
	"order-service/order"
)

// Names of the contenders, in the order of the first round.
const (
	service = "service"
	before  = "before"
	control = "service'"
	naive   = "naive"
	d2      = "d2"
	ceiling = "ceiling"
	soldOut = "soldout"
	read    = "read"
	stub    = "stub"
)

// names are all of them; it is only read.
var names = []string{service, before, naive, control, d2, ceiling, soldOut, read, stub}

// contender is who gets the load for a slice.
type contender struct {
	name    string
	child   *measure.Child
	metrics string // URL

	stock        int64  // of products made for each slice; -1: none are
	redisCommand string // by which it asks Redis
	outbox       bool   // its work is done when that is empty
	events       bool   // it tells Kafka
	table        string // that has a row for every order; "": none has

	write func(products []string) func(uint64, []byte) []byte // a slice's requests
	done  func(engine.Outcome) bool                           // the answer that counts
}

// plenty cannot be sold in a slice.
const plenty = 1_000_000_000

func status(want int) func(engine.Outcome) bool {
	return func(o engine.Outcome) bool { return o.Status == want }
}

func isSoldOut(o engine.Outcome) bool { return o.Code == string(order.CodeSoldOut) }

// contenders joins the names with the processes that run.
func (f *fleet) contenders() (list []contender) {
	for _, name := range f.opts.Only {
		list = append(list, f.contender(name))
	}
	return list
}

func (f *fleet) contender(name string) contender {
	c := contender{name: name, child: f.children[processOf(name)], stock: -1, done: status(http.StatusAccepted)}
	c.metrics = "http://" + c.child.Addr + "/metrics"
	c.write = func(products []string) func(uint64, []byte) []byte { return f.orders(c.child.Addr, products) }
	if admin := f.admin[c.child.Name]; admin != "" {
		c.metrics, c.redisCommand = "http://"+admin+"/metrics", "evalsha"
	}
	switch name {
	case service, before, control:
		c.stock, c.outbox, c.events, c.table = plenty, true, true, "orders"
	case naive:
		c.redisCommand, c.events, c.table = "get", true, "naive_orders"
	case d2:
		c.events = true
	case soldOut:
		c.stock, c.done = 0, isSoldOut
	case read, stub:
		c.done = status(http.StatusOK)
		c.write = func([]string) func(uint64, []byte) []byte { return engine.Reads(c.child.Addr, f.placed) }
	}
	return c
}

// orders writes those of all buyers for the products in turn.
func (f *fleet) orders(addr string, products []string) func(uint64, []byte) []byte {
	var of []func(uint64, []byte) []byte
	for _, product := range products {
		of = append(of, engine.Orders(addr, f.tokens, `{"productId":"`+product+`","quantity":1}`))
	}
	return func(n uint64, buf []byte) []byte { return of[n%uint64(len(of))](n, buf) }
}

// processOf names the process that a contender is.
func processOf(name string) string {
	switch name {
	case control, soldOut, read:
		return service
	case stub:
		return ceiling
	default:
		return name
	}
}
