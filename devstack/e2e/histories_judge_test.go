package e2e

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// givenAway is how a free order ends that nobody cancelled in time.
const givenAway = "CONFIRMED, free of charge"

// end names how the history ended, for the count.
func (h *history) end() string {
	switch {
	case h.id == (uuid.UUID{}):
		return string(h.requests[0].code())
	case h.last.Status == order.Failed:
		return string(h.last.FailureReason)
	case h.last.Status == order.Confirmed && h.goods == free:
		return givenAway
	}
	return string(h.last.Status)
}

// judge compares what was seen of the order with what had to come of its plan.
func (h *history) judge() {
	h.judgeRequests()
	if h.id != (uuid.UUID{}) {
		for _, a := range h.answers {
			h.judgeAnswer(a)
		}
		h.judgeEnd()
		h.judgeEvents()
	}
	if h.t.Failed() {
		h.t.Logf("the plan: %+v\nthe end: %s", h.plan, h.last)
		for _, a := range h.answers {
			h.t.Log(a)
		}
	}
}

// judgeRequests expects one order for a key, and no refusal but those that the
// goods are known for.
func (h *history) judgeRequests() {
	for _, r := range h.requests {
		var o orderView
		switch code := r.code(); {
		case r.status == http.StatusAccepted:
			if r.decode(&o); o.OrderID != h.id {
				h.t.Errorf("the key gives order %s and order %s", o.OrderID, h.id)
			}
		case r.status == http.StatusConflict && code == order.CodeSoldOut && h.goods == scarce:
		case r.status == http.StatusConflict && code == order.CodePurchaseLimit && h.goods == limited:
		case r.status == http.StatusServiceUnavailable || code == order.CodePriceUnavailable:
			h.t.Logf("the machine is too busy: %s", r.body)
		default:
			h.t.Errorf("the request was answered %d: %s", r.status, r.body)
		}
	}
	if again := h.requests[len(h.requests)-1]; h.key != "" && h.id != (uuid.UUID{}) && again.status != http.StatusAccepted {
		h.t.Errorf("the key of an accepted order was answered %d: %s", again.status, again.body)
	}
}

func (h *history) judgeAnswer(a answer) {
	var o orderView
	if a.status == http.StatusOK {
		a.decode(&o)
	}
	if o.Status.Final() && o.Status != h.last.Status {
		h.t.Errorf("%s, and the order ended %s", a, h.last)
	}
	ok := a.status == http.StatusOK // a right payment always, whatever was said of it before
	switch a.deed {
	case paysWrong:
		ok = a.status == http.StatusConflict && a.code() == order.CodeAmountMismatch
	case cancels:
		ok = ok && (o.CancelRequested || o.Status == order.Cancelled) ||
			a.status == http.StatusConflict && a.code() == order.CodeNotCancellable && h.last.Status != order.Cancelled
	}
	if !ok {
		h.t.Errorf("%s, and the order ended %s", a, h.last)
	}
}

// judgeEnd expects an end for which there was a cause before it.
func (h *history) judgeEnd() {
	causes := map[string]bool{
		string(order.PaymentTimeout): h.pace == hasty && h.goods != free,
		givenAway:                    h.goods == free,
		string(order.OutOfStock):     h.goods == scarce,  // the gate may be filled again in between: other tests flush Redis,
		string(order.PurchaseLimit):  h.goods == limited, // and it is the ledger that decides
	}
	for _, a := range h.answers {
		if a.scene > len(h.scenes) || a.status != http.StatusOK {
			continue
		}
		switch a.deed {
		case pays:
			causes[string(order.Confirmed)] = true
		case declines:
			if a.id == h.last.PaymentID { // no other ends anything
				causes[string(order.PaymentDeclined)] = true
			}
		case cancels:
			causes[string(order.Cancelled)] = true
		}
	}
	if !causes[h.end()] {
		h.t.Errorf("the order ended %s without a cause", h.last)
	}
	if h.paidFirst() && h.last.Status != order.Confirmed && h.last.FailureReason != order.OutOfStock && h.last.FailureReason != order.PurchaseLimit {
		h.t.Errorf("the order was paid before anything else happened, and ended %s", h.last)
	}
}

// paidFirst reports whether a payment was taken in time, and everything that
// speaks against the order began after that.
func (h *history) paidFirst() bool {
	for number := 0; h.pace == patient && number <= len(h.scenes); number++ {
		var paid, against bool
		for _, a := range h.answers {
			paid = paid || a.scene == number && a.deed == pays && a.status == http.StatusOK
			against = against || a.scene == number && (a.deed == cancels || a.deed == declines && a.id == h.asked)
		}
		if paid || against {
			return !against
		}
	}
	return false
}

// as is the order as it was.
func (h *history) as(s order.Status) order.Order {
	return order.Order{Status: s, Amount: h.last.Amount}
}

// judgeEvents expects that timeline, stream and views tell the same story.
func (h *history) judgeEvents() {
	before := order.Status("")
	for i, e := range h.timeline {
		if e.Seq != int64(i+1) || i == 0 && e.Status != order.Pending || i > 0 && !h.as(before).MayBecome(e.Status) {
			h.t.Errorf("the timeline says that %q became %s with seq %d", before, e.Status, e.Seq)
		}
		before = e.Status
	}
	if int64(len(h.timeline)) != h.last.Seq || before != h.last.Status {
		h.t.Errorf("the timeline has %d events and ends %s; the order is %s", len(h.timeline), before, h.last)
		return
	}
	var newest int64
	for _, o := range h.seen {
		if o.Seq < 1 || o.Seq > h.last.Seq || o.Status != h.timeline[o.Seq-1].Status {
			h.t.Errorf("the order was seen as %s", o)
		}
	}
	for i, e := range h.watching {
		if e.Seq < 1 || e.Seq > h.last.Seq || e.Status != h.timeline[e.Seq-1].Status || i > 0 && e.Seq != newest+1 {
			h.t.Errorf("watched %s with seq %d after seq %d", e.Status, e.Seq, newest)
		}
		newest = e.Seq
	}
	if h.watched && newest != h.last.Seq {
		h.t.Errorf("the stream ended with seq %d; the order is %s", newest, h.last)
	}
}

// judgeBatch judges what the histories of a batch come to together.
func judgeBatch(t *testing.T, shops map[pace]*shop, shelf shelf, played []*history) {
	t.Helper()
	var verified sync.WaitGroup
	for _, s := range shops {
		verified.Go(s.verify)
	}
	verified.Wait()
	if t.Failed() {
		return // what did not end well does not add up
	}
	refunded := time.Now().Add(patience)
	for _, h := range played {
		if h.id == (uuid.UUID{}) {
			continue
		}
		h.shop.t = t // its own test is over
		if now := h.buyer.get(h.id); now != h.last {
			t.Errorf("history %d ended as %+v and is now %+v", h.n, h.last, now)
		}
		h.judgeMoney(t, refunded)
	}
	for at, s := range shops {
		judgeOrders(t, s, at, played)
		for g, productID := range shelf[at] {
			judgeUnits(t, s, g, productID, played)
		}
	}
}

// judgeMoney expects that each payment which was taken bought the order, or
// was given back, once, before the deadline; and that no other was.
func (h *history) judgeMoney(t *testing.T, deadline time.Time) {
	t.Helper()
	taken := map[string]bool{}
	for _, a := range h.answers {
		if a.deed == pays || a.deed == paysWrong || a.deed == declines {
			taken[a.id] = taken[a.id] || a.deed == pays && a.status == http.StatusOK
		}
	}
	for id, ok := range taken {
		want := 0
		if ok && (h.last.Status != order.Confirmed || id != h.last.PaymentID) {
			want = 1
		}
		got := h.shop.provider.refunded(id)
		for got < want && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
			got = h.shop.provider.refunded(id)
		}
		if got != want {
			t.Errorf("history %d: payment %s was refunded %d times, want %d; the order is %s by %s", h.n, id, got, want, h.last, h.last.PaymentID)
		}
	}
	if h.goods == free {
		if made := h.shop.provider.paymentOf(h.id); made != "" || h.last.PaymentID != "" {
			t.Errorf("history %d: free order %s has payments %q and %q", h.n, h.last, made, h.last.PaymentID)
		}
	} else if h.last.Status == order.Confirmed && !taken[h.last.PaymentID] {
		t.Errorf("history %d: order %s was confirmed by %s, which nobody sent", h.n, h.last, h.last.PaymentID)
	}
}

// judgeOrders expects that buyers have the orders that were accepted, and no
// other.
func judgeOrders(t *testing.T, s *shop, at pace, played []*history) {
	t.Helper()
	want, unsure := map[string]int{}, map[string]bool{}
	for _, h := range played {
		if h.pace != at {
			continue
		}
		want[h.user] += 0
		if h.id != (uuid.UUID{}) {
			want[h.user]++
		}
		unsure[h.user] = unsure[h.user] || h.unsure
	}
	for name, n := range want {
		var body struct{ Orders []orderView }
		s.buyer(name, user).call("GET", "/orders?limit=100", nil).expect(http.StatusOK).decode(&body)
		if len(body.Orders) != n && !unsure[name] {
			t.Errorf("%s has %d orders, of %d that were accepted", name, len(body.Orders), n)
		}
	}
}

// judgeUnits expects the ledger to have sold what was confirmed, and within
// the limits.
func judgeUnits(t *testing.T, s *shop, g goods, productID string, played []*history) {
	t.Helper()
	var sold int64
	var unsure bool
	by := map[string]int{}
	for _, h := range played {
		unsure = unsure || h.productID == productID && h.unsure
		if h.productID == productID && h.last.Status == order.Confirmed {
			sold += int64(h.quantity)
			by[h.user] += h.quantity
		}
	}
	got, want := s.ledger(productID), ledger{g.stock(), g.stock() - sold, 0, sold}
	if unsure { // an order that nobody knows of may have taken units as well
		want = ledger{g.stock(), got.Available, got.Reserved, max(got.Confirmed, sold)}
	}
	if got != want || sold > g.stock() {
		t.Errorf("ledger of the %s goods %s: %+v, want %+v", g, productID, got, want)
	}
	for name, units := range by {
		if g == limited && units > fanLimit {
			t.Errorf("%s has %d units of goods limited to %d", name, units, fanLimit)
		}
	}
}
