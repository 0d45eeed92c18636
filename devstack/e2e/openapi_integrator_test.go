package e2e

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"order-service/order"
)

// What the document's examples speak of; a test puts what there is in its place.
const (
	exampleOrder   = "019b796d-d600-7a3c-9b1e-5f0c2d4e6a81"
	examplePayment = "pay_8fJ2mQ"
	exampleProduct = "sneaker"
)

// integrator follows the document to the letter, and notes what it has tried.
type integrator struct {
	*document
	shop     *shop
	stand    map[string]string // in place of the examples' ids
	answered map[string]bool   // operations, and their examples, that were answered with success
	codes    map[order.Code]bool
}

func (s *shop) integrator() *integrator {
	s.insisting = true // 503 may always be, and is described
	text := s.send("GET", "/openapi.yaml", nil).expect(http.StatusOK).body
	return &integrator{
		document: parseDocument(s.t, text), shop: s, answered: map[string]bool{}, codes: map[order.Code]bool{},
		stand: map[string]string{exampleProduct: "p-" + strings.ToLower(rand.Text()[:12])},
	}
}

// wording is what a request has that no example says.
type wording struct {
	as      *buyer // nil: nobody
	example string // of the body; empty: none
	body    string // instead of an example
	query   string
	headers []string // name, value, …
}

// does sends the operation's request and has the document judge the answer.
func (i *integrator) does(id string, w wording, status int) reply {
	i.t.Helper()
	o, ok := i.operations[id]
	if !ok {
		i.t.Fatalf("there is no operation %s", id)
	}
	r := i.shop.send(o.method, i.path(o)+w.query, i.body(o, w), i.headers(w)...).expect(status)
	i.answers(o, r)
	if id == "putProduct" && status == http.StatusOK || id == "restockProduct" {
		i.shop.awaitGate(i.stand[exampleProduct])
	}
	if status < 400 {
		i.answered[id], i.answered[id+" "+w.example] = true, true
	} else {
		i.codes[r.code()] = true
	}
	return r
}

// refused is does for a request that is to be a problem.
func (i *integrator) refused(id string, w wording, status int, code order.Code) {
	i.t.Helper()
	i.does(id, w, status).refused(status, code)
}

func (i *integrator) path(o operation) string {
	id := i.stand[exampleProduct]
	if strings.HasPrefix(o.path, "/orders") {
		id = i.stand[exampleOrder]
	}
	return strings.NewReplacer("{id}", id, "{code}", "sold-out").Replace(o.path)
}

func (i *integrator) body(o operation, w wording) []byte {
	i.t.Helper()
	if w.example == "" {
		return []byte(w.body)
	}
	text := i.document.example(o, w.example)
	for example, real := range i.stand {
		text = bytes.ReplaceAll(text, []byte(strconv.Quote(example)), []byte(strconv.Quote(real)))
	}
	return text
}

func (i *integrator) headers(w wording) []string {
	headers := slices.Clone(w.headers)
	if !slices.Contains(headers, "Content-Type") && (w.example != "" || w.body != "") {
		headers = append(headers, "Content-Type", "application/json")
	}
	if w.as != nil {
		headers = append(headers, "Authorization", "Bearer "+w.as.token)
	}
	return headers
}

// reports sends a payment report, signed.
func (i *integrator) reports(id string, w wording, status int) reply {
	i.t.Helper()
	wh, err := webhooks.NewWebhook(i.shop.env["PAYMENT_WEBHOOK_SECRET"])
	if err != nil {
		i.t.Fatal(err)
	}
	now := time.Now()
	signature, err := wh.Sign("msg_1", now, i.body(i.operations[id], w))
	if err != nil {
		i.t.Fatal(err)
	}
	w.headers = []string{"webhook-id", "msg_1", "webhook-timestamp", strconv.FormatInt(now.Unix(), 10), "webhook-signature", signature}
	return i.does(id, w, status)
}

// orders places an example's order and speaks of it from now on.
func (i *integrator) orders(b *buyer, example string, headers ...string) orderView {
	i.t.Helper()
	var o orderView
	i.does("createOrder", wording{as: b, example: example, headers: headers}, http.StatusAccepted).decode(&o)
	i.stand[exampleOrder] = o.OrderID.String()
	return o
}

// owes waits until the order is to be paid.
func (i *integrator) owes(b *buyer, o orderView) orderView {
	i.t.Helper()
	o = b.await(o.OrderID, order.PaymentPending)
	i.stand[examplePayment] = o.PaymentID
	return o
}

// tried fails the test unless each operation that is to be tried, and each of
// its examples of a request, was answered with success.
func (i *integrator) tried(demo bool) {
	i.t.Helper()
	for id, o := range i.operations {
		if slices.Contains(o.about["tags"].([]any), any("demo")) != demo {
			continue
		}
		if !i.answered[id] {
			i.t.Errorf("%s was not tried", id)
		}
		for example := range object(object(object(object(o.about["requestBody"])["content"])["application/json"])["examples"]) {
			if !i.answered[id+" "+example] {
				i.t.Errorf("the example %s of %s was not tried", example, id)
			}
		}
	}
}
