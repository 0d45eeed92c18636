package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// shelf is what a batch of histories buys from, in each shop.
type shelf map[pace]map[goods]string

const (
	scarceStock = 3
	plentyStock = 1000
	fanLimit    = 2 // of limited goods, for each buyer
)

func (g goods) price() int64 {
	if g == free {
		return 0
	}
	return unitPrice
}

func (g goods) stock() int64 {
	if g == scarce {
		return scarceStock
	}
	return plentyStock
}

// stockUp puts new products on sale.
func stockUp(shops map[pace]*shop) shelf {
	all := shelf{}
	for at, s := range shops {
		all[at] = map[goods]string{}
		for _, g := range []goods{plenty, scarce, limited, free} {
			all[at][g] = "p-" + strings.ToLower(rand.Text()[:12])
			product := map[string]any{"name": string(g), "unitPrice": g.price(), "currency": "EUR", "stock": g.stock()}
			if g == limited {
				product["perUserLimit"] = fanLimit
			}
			s.buyer("root", admin).call("PUT", "/admin/products/"+all[at][g], product).expect(http.StatusOK)
		}
	}
	return all
}

// history is a plan that is played, and what was seen meanwhile.
type history struct {
	plan
	t         *testing.T
	shop      *shop // with t for its test
	user      string
	buyer     *buyer
	productID string

	id     uuid.UUID // zero: no request was accepted
	asked  string    // the payment that the buyer was asked for; "" where that is not known
	unsure bool      // a request without a key was refused for a cause that may leave an order behind
	last   orderView // the order when it was final

	mu       sync.Mutex
	requests []reply     // that place the order
	answers  []answer    // to the acts
	seen     []orderView // at any time
	watching []order.ProgressEvent
	timeline []order.ProgressEvent
}

// answer is what an act got, in the scene of that number; 0 is the early one.
type answer struct {
	act
	scene int
	id    string // of the payment
	reply
}

func (a answer) String() string {
	return fmt.Sprintf("scene %d: %s %s: %d %s", a.scene, a.deed, a.id, a.status, a.body)
}

func newHistory(t *testing.T, p plan, shops map[pace]*shop, shelf shelf) *history {
	mine := *shops[p.pace]
	mine.t = t
	h := &history{plan: p, t: t, shop: &mine, user: fmt.Sprintf("buyer-%d", p.n), productID: shelf[p.pace][p.goods]}
	if p.goods == limited {
		h.user = fmt.Sprintf("fan-%d-of-%s", p.fan, h.productID)
	}
	h.buyer = mine.buyer(h.user, user)
	return h
}

// play does what the plan says.
func (h *history) play() {
	h.place()
	if h.id == (uuid.UUID{}) {
		return
	}
	var watched sync.WaitGroup
	defer watched.Wait()
	if h.watched {
		watched.Go(h.watch)
	}
	var begun sync.WaitGroup
	begun.Go(func() {
		h.act(0, h.early, orderView{OrderID: h.id, Amount: int64(h.quantity) * h.goods.price(), Currency: "EUR"})
	})
	if h.key != "" {
		begun.Go(h.abuse)
	}
	o := h.await(func(s order.Status) bool { return s == order.PaymentPending || s.Final() })
	begun.Wait()
	if o.Status == order.PaymentPending {
		h.asked = o.PaymentID
	}
	for i, s := range h.scenes {
		h.act(1+i, s, o)
	}
	h.last = h.await(order.Status.Final)
	h.act(1+len(h.scenes), h.late, h.last)
	if h.key != "" {
		h.request(h.quantity)
	}
	h.readTimeline()
}

// place sends the first requests: under a key maybe several.
func (h *history) place() {
	var copies sync.WaitGroup
	for range h.copies {
		copies.Go(func() { h.request(h.quantity) })
	}
	copies.Wait()
	for _, r := range h.requests {
		if r.status == http.StatusAccepted {
			var o orderView
			r.decode(&o)
			h.id = o.OrderID
		}
	}
}

// abuse asks for something else under the order's key.
func (h *history) abuse() {
	h.buyer.order(h.productID, h.quantity+1, "Idempotency-Key", h.key).
		refused(http.StatusUnprocessableEntity, order.CodeIdempotencyMismatch)
}

// request asks for the order. Without a key it must not be repeated.
func (h *history) request(quantity int) {
	var r reply
	if h.key != "" {
		r = h.buyer.order(h.productID, quantity, "Idempotency-Key", h.key)
	} else {
		r = h.buyer.call("POST", "/orders", map[string]any{"productId": h.productID, "quantity": quantity})
		h.unsure = r.status == http.StatusServiceUnavailable
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, r)
}

// act plays a scene; o is the order as its actors know it.
func (h *history) act(number int, s scene, o orderView) {
	var actors sync.WaitGroup
	for _, a := range s {
		for range a.times {
			o := o // each may name another payment
			actors.Go(func() {
				time.Sleep(a.pause)
				o.PaymentID = h.paymentID(a.payment, o)
				r := h.do(a.deed, o)
				h.mu.Lock()
				defer h.mu.Unlock()
				h.answers = append(h.answers, answer{a, number, o.PaymentID, r})
			})
		}
	}
	actors.Wait()
}

// do acts, and again as long as the service says that it cannot tell yet.
func (h *history) do(d deed, o orderView) (r reply) {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if r = h.try(d, o); r.status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return r
		}
	}
}

func (h *history) try(d deed, o orderView) reply {
	switch d {
	case pays:
		return h.shop.paid(o)
	case paysWrong:
		o.Amount++
		return h.shop.paid(o)
	case declines:
		return h.shop.declined(o)
	case cancels:
		return h.buyer.cancel(h.id)
	default:
		r := h.buyer.call("GET", "/orders/"+h.id.String(), nil)
		if r.status == http.StatusOK {
			h.sees(r.order())
		}
		return r
	}
}

// paymentID is the payment's id. Where nobody was asked to pay, the id that
// the provider would have sent stands for nothing, and is one of the test's.
func (h *history) paymentID(p payment, o orderView) string {
	if p == asked && o.PaymentID != "" {
		return o.PaymentID
	}
	return string(p) + "-" + h.id.String()
}

func (h *history) sees(o orderView) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, o)
}

// await polls until the order is as wanted.
func (h *history) await(wanted func(order.Status) bool) (o orderView) {
	var etag string
	for deadline := time.Now().Add(shortWindow + patience); ; {
		r := h.buyer.call("GET", "/orders/"+h.id.String()+"?wait=5s", nil, "If-None-Match", etag)
		if r.status != http.StatusNotModified {
			o, etag = r.order(), r.header.Get("ETag")
			h.sees(o)
		}
		if wanted(o.Status) {
			return o
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the order is still %s", o)
		}
	}
}

// watch follows the order's events to their end.
func (h *history) watch() {
	s := h.buyer.watch(h.id, "")
	defer func() { s.close() }()
	for {
		e, ok := s.more()
		if !ok {
			return
		}
		h.watching = append(h.watching, e) // read once watch has returned
		if h.reconnect && len(h.watching) == 2 && !e.Status.Final() {
			s.close()
			s = h.buyer.watch(h.id, fmt.Sprint(e.Seq))
		}
	}
}

func (h *history) readTimeline() {
	var body struct{ Events []order.ProgressEvent }
	h.buyer.call("GET", "/orders/"+h.id.String()+"/timeline", nil).expect(http.StatusOK).decode(&body)
	h.timeline = body.Events
}
