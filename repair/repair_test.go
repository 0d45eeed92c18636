package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

var errDown = errors.New("connection refused")

// shop is store, saga and gate: what was found and what was done with it.
type shop struct {
	mu        sync.Mutex
	orders    map[uuid.UUID]order.Order
	payments  []order.Payment
	running   map[string]bool    // by id of an order or a payment
	begun     map[string]bool    // payments whose refund has completed
	completed map[uuid.UUID]bool // orders whose workflow takes nothing any more
	told      []order.Payment    // of which the last workflow of their order was told
	restored  []order.Payment
	fails     map[string]bool // payments that cannot be passed on
	done      []string
	counted   []string
	published int
}

func newShop() *shop {
	return &shop{orders: map[uuid.UUID]order.Order{}, running: map[string]bool{}, begun: map[string]bool{}, fails: map[string]bool{}}
}

func (s *shop) add(status order.Status) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	s.orders[id] = order.Order{ID: id, Status: status}
	return id
}

func (s *shop) pay(id string, state order.PaymentState, of uuid.UUID) {
	s.payments = append(s.payments, order.Payment{ID: id, OrderID: of, State: state})
}

func (s *shop) OpenOrders(_ context.Context, _ time.Duration, until time.Time, after order.Order, limit int) (found []order.Order, err error) {
	for _, o := range s.orders {
		if !o.Status.Final() && !o.CreatedAt.After(until) && byIndex(o, after) > 0 {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, byIndex)
	return found[:min(limit, len(found))], nil
}

// byIndex is the order in which the store goes through open orders.
func byIndex(a, b order.Order) int {
	return cmp.Or(strings.Compare(a.ProductID, b.ProductID), strings.Compare(string(a.Status), string(b.Status)),
		strings.Compare(a.ID.String(), b.ID.String()))
}

func (s *shop) UnfinishedPayments(_ context.Context, _ time.Duration, after string, limit int) (found []order.Payment, err error) {
	for _, p := range s.payments {
		if p.ID > after {
			found = append(found, p)
		}
	}
	return found[:min(limit, len(found))], nil
}

func (s *shop) Payment(_ context.Context, id string) (order.Payment, error) {
	for _, p := range s.payments {
		if p.ID == id {
			return p, nil
		}
	}
	return order.Payment{}, order.Errorf(order.CodeNotFound, "There is no payment %s.", id)
}

func (s *shop) Order(_ context.Context, id uuid.UUID) (order.Order, error) {
	o, ok := s.orders[id]
	if !ok {
		return o, order.Errorf(order.CodeOrderNotFound, "There is no order %s.", id)
	}
	return o, nil
}

func (s *shop) Products(context.Context) ([]order.Product, error) {
	return make([]order.Product, 3), nil
}

func (s *shop) Running(_ context.Context, id uuid.UUID) (bool, error) {
	return s.running[id.String()], nil
}

func (s *shop) Refunding(_ context.Context, id string) (bool, error) { return s.running[id], nil }

func (s *shop) RefundBegun(_ context.Context, id string) (bool, error) {
	if s.fails[id] {
		return false, errDown
	}
	return s.begun[id] || s.running[id], nil
}

func (s *shop) Told(_ context.Context, id uuid.UUID) (told []order.Payment, err error) {
	for _, p := range s.told {
		if p.OrderID == id {
			told = append(told, p)
		}
	}
	return told, nil
}

func (s *shop) RestorePayment(_ context.Context, p order.Payment) error {
	if s.fails["record "+p.ID] {
		return errDown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restored = append(s.restored, p)
	return nil
}

func (s *shop) Restart(_ context.Context, o order.Order, p order.Payment) error {
	if p.ID != "" {
		return s.did("started", o.ID.String()+" with "+p.ID)
	}
	return s.did("started", o.ID.String())
}

func (s *shop) PaymentReceived(_ context.Context, o order.Order, p order.Payment) error {
	if s.completed[o.ID] && !slices.Contains(s.done, "started "+o.ID.String()) {
		return order.Errorf(order.CodeConflict, "The workflow has completed.")
	}
	return s.did("told of", p.ID)
}

func (s *shop) RestartRefund(_ context.Context, p order.Payment) error {
	return s.did("refunds", p.ID)
}

func (s *shop) Now(context.Context, order.Product) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published++
	return nil
}

func (s *shop) did(what, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails[id] {
		return errDown
	}
	s.done = append(s.done, what+" "+id)
	return nil
}

func (s *shop) OrderRestarted()   { s.count("order") }
func (s *shop) PaymentToldAgain() { s.count("payment") }
func (s *shop) RefundStarted()    { s.count("refund") }

func (s *shop) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted = append(s.counted, what)
}

// once repairs and returns what was done and said.
func (s *shop) once(t *testing.T) (done []string, said string, err error) {
	t.Helper()
	var lines strings.Builder
	err = New(s, s, s, func(format string, args ...any) { fmt.Fprintf(&lines, format+"\n", args...) }).Once(t.Context(), s)
	slices.Sort(s.done)
	return s.done, lines.String(), err
}

func TestOnlyAnOpenOrderThatNothingDrivesIsStarted(t *testing.T) {
	s := newShop()
	lost, driven := s.add(order.Pending), s.add(order.PaymentPending)
	s.running[driven.String()] = true
	s.add(order.Confirmed)
	done, said, err := s.once(t)
	if want := []string{"started " + lost.String()}; err != nil || !slices.Equal(done, want) {
		t.Errorf("did %q, %v; want %q", done, err, want)
	}
	if !strings.Contains(said, "2 open orders looked at") || s.published != 3 {
		t.Errorf("said %q, published %d products", said, s.published)
	}
}

// The database was put back to before the order was confirmed, and has lost its
// payment. Only its last workflow knows of that.
func TestAnOrderThatIsStartedAnewHasThePaymentsThatItsWorkflowWasToldOf(t *testing.T) {
	s := newShop()
	back, failing, driven := s.add(order.PaymentPending), s.add(order.PaymentPending), s.add(order.PaymentPending)
	s.running[driven.String()] = true
	for id, of := range map[string]uuid.UUID{"applied": back, "refunded": back, "bad": failing, "driven": driven} {
		s.told = append(s.told, order.Payment{ID: id, OrderID: of})
	}
	s.begun["refunded"], s.fails["record bad"] = true, true
	done, _, err := s.once(t)
	if want := []string{"started " + back.String() + " with applied"}; !errors.Is(err, errDown) || !slices.Equal(done, want) {
		t.Errorf("did %q, %v; want %q: who cannot record the payment must not forget it", done, err, want)
	}
	slices.SortFunc(s.restored, func(a, b order.Payment) int { return strings.Compare(a.ID, b.ID) })
	if want := []order.Payment{
		{ID: "applied", OrderID: back, State: order.PaymentReceived},
		{ID: "refunded", OrderID: back, State: order.PaymentRefunding}, // or so it seems
	}; !slices.Equal(s.restored, want) {
		t.Errorf("put back %+v", s.restored)
	}
}

func TestAPaymentGoesToItsOrderOrBack(t *testing.T) {
	s := newShop()
	open, ended := s.add(order.PaymentPending), s.add(order.Cancelled)
	s.running[open.String()] = true
	s.pay("a", order.PaymentReceived, open)
	s.pay("b", order.PaymentReceived, ended)
	s.pay("c", order.PaymentRefunding, open)
	s.pay("d", order.PaymentRefunding, ended)
	s.running["d"] = true // the provider is away, and its refund is being repeated
	done, said, err := s.once(t)
	if want := []string{"refunds b", "refunds c", "told of a"}; err != nil || !slices.Equal(done, want) {
		t.Errorf("did %q, %v; want %q", done, err, want)
	}
	if strings.Contains(said, "payment d") {
		t.Errorf("said of a refund that was under way: %q", said)
	}
}

// It was read with a page of others, and bought its order before its turn came.
func TestAPaymentThatWasAppliedMeanwhileIsNotRefunded(t *testing.T) {
	s := newShop()
	s.pay("a", order.PaymentReceived, s.add(order.Confirmed))
	asRead := s.payments[0]
	s.payments[0].State = order.PaymentApplied
	started, err := New(s, s, s, t.Logf).payment(t.Context(), asRead)
	if started || err != nil || len(s.done)+len(s.counted) > 0 {
		t.Errorf("did %q, counted %q, %v", s.done, s.counted, err)
	}
}

// Nothing is left that it could buy.
func TestAPaymentOfALostOrderGoesBack(t *testing.T) {
	s := newShop()
	lost := uuid.Must(uuid.NewV7())
	s.pay("a", order.PaymentReceived, lost)
	s.pay("b", order.PaymentRefunding, lost)
	done, said, err := s.once(t)
	if want := []string{"refunds a", "refunds b"}; err != nil || !slices.Equal(done, want) {
		t.Errorf("did %q, %v; want %q", done, err, want)
	}
	if want := "payment a of order " + lost.String() + ", which is lost: refund started"; !strings.Contains(said, want) {
		t.Errorf("said %q", said)
	}
}

// Order and payment were put back to a state of before the order's end and the
// refund. Passed on, the payment would buy what the money has been given back for.
func TestAPaymentThatWasGivenBackBuysNothing(t *testing.T) {
	s := newShop()
	open := s.add(order.PaymentPending)
	s.running[open.String()] = true
	s.pay("a", order.PaymentReceived, open)
	s.pay("b", order.PaymentReceived, open)
	s.pay("c", order.PaymentReceived, open)
	s.begun["a"], s.running["b"], s.fails["c"] = true, true, true
	done, said, err := s.once(t)
	if want := []string{"refunds a"}; !errors.Is(err, errDown) || !slices.Equal(done, want) {
		t.Errorf("did %q, %v; want %q", done, err, want)
	}
	if strings.Contains(said, "passed on") {
		t.Errorf("said %q", said)
	}
}

// Among many orders that a restore has made open again, the turn of this one may
// come long after that of its payment, which would be tried less and less often.
func TestAPaymentStartsItsOrderWhoseWorkflowHasCompleted(t *testing.T) {
	s := newShop()
	open := s.add(order.PaymentPending)
	s.completed = map[uuid.UUID]bool{open: true}
	s.pay("a", order.PaymentReceived, open)
	w := &walk{Repair: New(s, s, s, t.Logf), pauses: newPauses(time.Now)}
	if _, err := w.payments(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"started " + open.String(), "told of a"}; !slices.Equal(s.done, want) {
		t.Errorf("did %q, want %q", s.done, want)
	}
}

// The first payment that failed used to end the round.
func TestOneBadPaymentStopsNoOther(t *testing.T) {
	s := newShop()
	of := s.add(order.Cancelled)
	for i := range page + 10 {
		s.pay(fmt.Sprintf("p%04d", i), order.PaymentReceived, of)
	}
	s.fails["p0000"], s.fails["p0007"] = true, true
	done, _, err := s.once(t)
	if len(done) != page+8 || !errors.Is(err, errDown) || !strings.Contains(err.Error(), "2 of 500 failed") {
		t.Errorf("%d were refunded, %v", len(done), err)
	}
}

func TestWhatIsDrivenOnIsCountedOnce(t *testing.T) {
	s := newShop()
	lost, ended := s.add(order.PaymentPending), s.add(order.Cancelled)
	s.running[s.add(order.PaymentPending).String()] = true
	s.pay("a", order.PaymentReceived, lost)
	s.pay("b", order.PaymentReceived, ended)
	s.pay("c", order.PaymentReceived, ended)
	s.fails["c"] = true
	if _, _, err := s.once(t); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	slices.Sort(s.counted)
	if want := []string{"order", "payment", "refund"}; !slices.Equal(s.counted, want) {
		t.Errorf("counted %q, want %q", s.counted, want)
	}
}

// What cannot be mended would be tried, and told of, every minute for ever.
func TestWhatFailsIsTriedLessAndLessOften(t *testing.T) {
	s := newShop()
	s.pay("bad", order.PaymentReceived, s.add(order.Cancelled))
	s.fails["bad"] = true
	now := time.Now()
	w := &walk{Repair: New(s, s, nil, t.Logf), pauses: newPauses(func() time.Time { return now })}
	var tries []int
	for minute := range 100 {
		if _, err := w.payments(t.Context()); err != nil {
			tries = append(tries, minute)
		}
		now = now.Add(upkeepEvery)
	}
	if want := []int{0, 1, 2, 4, 8, 16, 32, 64}; !slices.Equal(tries, want) {
		t.Errorf("tried in minutes %v, want %v", tries, want)
	}
	s.fails["bad"] = false
	now = now.Add(longestPause)
	if _, err := w.payments(t.Context()); err != nil || len(s.done) != 1 {
		t.Errorf("did %q, %v", s.done, err)
	}
}

func TestTheUpkeepComesToEveryOrderAndBeginsAnew(t *testing.T) {
	s := newShop()
	for range page + 1 {
		s.running[s.add(order.PaymentPending).String()] = true
	}
	w := &walk{Repair: New(s, s, nil, t.Logf), pauses: newPauses(time.Now)}
	for i, want := range []int{page, 1, page} {
		if n, err := w.orders(t.Context()); n != want || err != nil {
			t.Errorf("page %d: %d orders, %v; want %d", i, n, err, want)
		}
	}
}

// In a sale more orders come in a minute than are looked at, and those that wait
// for their payment are healthy. They must not stand before all others for as long
// as the sale goes on.
func TestTheUpkeepComesToEveryOrderWhileMoreArriveThanItLooksAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop()
		s.sell(2000)
		lost, other := s.add(order.Pending), s.add(order.PaymentPending)
		s.place(lost, "a")
		s.place(other, "b")
		w := &walk{Repair: New(s, s, nil, t.Logf), pauses: newPauses(time.Now)}
		for range 20 {
			if _, err := w.orders(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.sell(page + 100)
			time.Sleep(time.Minute)
		}
		for what, id := range map[string]uuid.UUID{"the same product": lost, "another product": other} {
			if !slices.Contains(s.done, "started "+id.String()) {
				t.Errorf("the order of %s that nothing drives was not started", what)
			}
		}
	})
}

// sell places n orders of product a that a workflow drives, and ends those whose
// time to pay is over.
func (s *shop) sell(n int) {
	for id, o := range s.orders {
		if o.ProductID == "a" && o.Status == order.PaymentPending && time.Since(o.CreatedAt) > 15*time.Minute {
			delete(s.orders, id)
		}
	}
	for range n {
		id := s.add(order.PaymentPending)
		s.place(id, "a")
		s.running[id.String()] = true
	}
}

func (s *shop) place(id uuid.UUID, product string) {
	o := s.orders[id]
	o.ProductID, o.CreatedAt = product, time.Now()
	s.orders[id] = o
}
