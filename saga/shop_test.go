package saga

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// shop stands in for store, bus, gate and provider at once: the same rules in
// memory, with hooks and faults by method name.
type shop struct {
	mu        sync.Mutex
	orders    map[uuid.UUID]*order.Order
	payments  map[string]*order.Payment
	available int
	limited   bool // every reservation would pass the buyer's limit
	reserved  map[uuid.UUID]bool
	released  map[uuid.UUID]bool
	history   map[uuid.UUID][]order.ProgressEvent
	published []order.ProgressEvent
	refunds   map[string]int  // by payment id: how often the provider was asked in earnest
	begun     map[string]bool // payments that a refund has claimed
	kept      map[string]bool // payments that were paid back and are kept
	settled   int

	hooks  map[string]func()
	faults map[string][]error // returned one by one before the method does anything
}

func newShop(stock int) *shop {
	return &shop{
		orders:    map[uuid.UUID]*order.Order{},
		payments:  map[string]*order.Payment{},
		available: stock,
		reserved:  map[uuid.UUID]bool{},
		released:  map[uuid.UUID]bool{},
		history:   map[uuid.UUID][]order.ProgressEvent{},
		refunds:   map[string]int{},
		begun:     map[string]bool{},
		kept:      map[string]bool{},
		hooks:     map[string]func(){},
		faults:    map[string][]error{},
	}
}

func (s *shop) deps() Deps {
	return Deps{Orders: s, Payments: s, Publisher: s, Gate: s, Provider: s}
}

// accept puts in a PENDING order and returns its id.
func (s *shop) accept() uuid.UUID { return s.acceptAt(1999) }

func (s *shop) acceptAt(price int64) uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	o := order.Order{
		ID: uuid.Must(uuid.NewV7()), UserID: "u1", ProductID: "p1", Quantity: 1, UnitPrice: price, Amount: price,
		Currency: "EUR", Status: order.Pending, Seq: 1, CreatedAt: now, UpdatedAt: now,
	}
	s.orders[o.ID] = &o
	return o.ID
}

// pay records a payment as the webhook does and returns it.
func (s *shop) pay(orderID uuid.UUID, paymentID string) order.Payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record(orderID, paymentID, order.PaymentReceived)
}

// locked is do with s locked.
func (s *shop) locked(do func()) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		do()
	}
}

// decline records a decline as the webhook does, and returns the payment.
func (s *shop) decline(orderID uuid.UUID, paymentID string) order.Payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record(orderID, paymentID, order.PaymentRefused)
}

// payWrong records a payment of a wrong amount, of which the saga is not told.
func (s *shop) payWrong(orderID uuid.UUID, paymentID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(orderID, paymentID, order.PaymentMismatch)
}

// record follows the rules of store.RecordPayment. Call it with s locked.
func (s *shop) record(orderID uuid.UUID, paymentID string, state order.PaymentState) order.Payment {
	p := s.payments[paymentID]
	if p == nil {
		p = &order.Payment{ID: paymentID, OrderID: orderID, State: state, ReceivedAt: time.Now().UTC()}
		s.payments[paymentID] = p
	}
	if state != order.PaymentMismatch && (p.State == order.PaymentRefused || p.State == order.PaymentMismatch) {
		p.State = state
	}
	if o := s.orders[orderID]; o != nil {
		p.Money = o.Total()
	}
	return *p
}

// asked is the id of the payment that the provider makes for an order.
func asked(id uuid.UUID) string { return "pay-" + id.String() }

// fail makes the next n calls of method return err.
func (s *shop) fail(method string, n int, err error) {
	s.faults[method] = append(s.faults[method], slices.Repeat([]error{err}, n)...)
}

// enter runs method's hook, once, and returns its next fault.
func (s *shop) enter(method string) error {
	s.mu.Lock()
	hook := s.hooks[method]
	delete(s.hooks, method)
	var err error
	if faults := s.faults[method]; len(faults) > 0 {
		err, s.faults[method] = faults[0], faults[1:]
	}
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
	return err
}

func (s *shop) status(id uuid.UUID) order.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders[id].Status
}

func (s *shop) paymentState(id string) order.PaymentState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.payments[id]; p != nil {
		return p.State
	}
	return "unknown"
}

func (s *shop) Order(_ context.Context, id uuid.UUID) (order.Order, error) {
	if err := s.enter("Order"); err != nil {
		return order.Order{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[id]; o != nil {
		return *o, nil
	}
	return order.Order{}, noOrder()
}

func noOrder() error { return order.Errorf(order.CodeOrderNotFound, "There is no such order.") }

// lose forgets the order and all that belongs to it, as a database does that is
// put back to a state of before it.
func (s *shop) lose(id uuid.UUID) {
	s.putBack(id)
	delete(s.orders, id)
}

// putBack forgets what became of the order, and its payments.
func (s *shop) putBack(id uuid.UUID) {
	o := *s.orders[id]
	if s.reserved[id] {
		s.available++
	}
	delete(s.reserved, id)
	delete(s.released, id)
	delete(s.history, id)
	for paymentID, p := range s.payments {
		if p.OrderID == id {
			delete(s.payments, paymentID)
		}
	}
	s.orders[id] = &order.Order{
		ID: id, UserID: o.UserID, ProductID: o.ProductID, Quantity: o.Quantity, UnitPrice: o.UnitPrice, Amount: o.Amount,
		Currency: o.Currency, Status: order.Pending, Seq: 1, CreatedAt: o.CreatedAt, UpdatedAt: o.CreatedAt,
	}
}

func (s *shop) History(_ context.Context, id uuid.UUID, after int64) ([]order.ProgressEvent, error) {
	if err := s.enter("History"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history[id][after-1:]), nil // the first change has seq 2
}

func (s *shop) Restore(_ context.Context, accepted order.Order) error {
	if err := s.enter("Restore"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders[accepted.ID] == nil {
		restored := accepted.Reservation().Order()
		s.orders[restored.ID] = &restored
	}
	return nil
}

// move is the compare-and-set of all moves. Call it with s locked.
func (s *shop) move(id uuid.UUID, to order.Status, change func(*order.Order) error) (order.Change, error) {
	for _, e := range s.history[id] {
		if e.Status == to {
			return order.Change{Event: e, Order: *s.orders[id]}, nil
		}
	}
	o := s.orders[id]
	if o == nil {
		return order.Change{}, noOrder()
	}
	if !o.MayBecome(to) {
		return order.Change{}, order.Errorf(order.CodeConflict, "The order is %s.", o.Status)
	}
	if err := change(o); err != nil {
		return order.Change{}, err
	}
	o.Status, o.Seq, o.UpdatedAt = to, o.Seq+1, time.Now().UTC()
	e := o.Snapshot()
	s.history[id] = append(s.history[id], e)
	return order.Change{Event: e, Order: *o}, nil
}

func (s *shop) Reserve(_ context.Context, id uuid.UUID) (order.Change, error) {
	if err := s.enter("Reserve"); err != nil {
		return order.Change{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.move(id, order.InventoryReserved, func(*order.Order) error {
		switch {
		case s.released[id]:
			return order.Errorf(order.CodeConflict, "The order was released.")
		case s.limited:
			return order.Errorf(order.CodePurchaseLimit, "Enough.")
		case s.available == 0:
			return order.Errorf(order.CodeSoldOut, "Sold out.")
		}
		s.available--
		s.reserved[id] = true
		return nil
	})
}

func (s *shop) RequestPayment(_ context.Context, id uuid.UUID, paymentID, url string, expiresAt time.Time) (order.Change, error) {
	if err := s.enter("RequestPayment"); err != nil {
		return order.Change{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.move(id, order.PaymentPending, func(o *order.Order) error {
		o.PaymentID, o.PaymentURL, o.ExpiresAt = paymentID, url, expiresAt
		return nil
	})
}

func (s *shop) Confirm(_ context.Context, id uuid.UUID, paymentID string) (order.Change, error) {
	if err := s.enter("Confirm"); err != nil {
		return order.Change{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[paymentID]
	if s.orders[id] == nil {
		return order.Change{}, noOrder()
	}
	if paymentID == "" && s.orders[id].Free() {
		return s.move(id, order.Confirmed, func(*order.Order) error { return nil })
	}
	if p == nil {
		return order.Change{}, order.Errorf(order.CodeConflict, "There is no payment %s.", paymentID)
	}
	if s.orders[id].Status == order.Confirmed && p.State != order.PaymentApplied {
		return order.Change{}, order.Errorf(order.CodeConflict, "The order has another payment.")
	}
	return s.move(id, order.Confirmed, func(o *order.Order) error {
		if p.State != order.PaymentReceived {
			return order.Errorf(order.CodeConflict, "The payment is %s.", p.State)
		}
		p.State = order.PaymentApplied
		o.PaymentID = paymentID
		return nil
	})
}

func (s *shop) Finish(_ context.Context, id uuid.UUID, to order.Status, reason order.Reason) (order.Change, error) {
	if err := s.enter("Finish"); err != nil {
		return order.Change{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders[id] == nil {
		return order.Change{}, noOrder()
	}
	if reason == order.PaymentTimeout && s.orders[id].Status == order.PaymentPending {
		for _, p := range s.payments {
			if p.OrderID == id && p.State == order.PaymentReceived {
				return order.Change{Paid: *p}, nil
			}
		}
	}
	return s.move(id, to, func(o *order.Order) error {
		if to == order.Failed && !reason.Allows(o.Status) {
			return order.Errorf(order.CodeConflict, "The order is %s.", o.Status) // as the store does
		}
		o.FailureReason = reason
		if s.reserved[id] {
			s.available++
			delete(s.reserved, id)
		}
		s.released[id] = true
		return nil
	})
}

func (s *shop) MovePayment(_ context.Context, id string, from []order.PaymentState, to order.PaymentState) (bool, error) {
	if err := s.enter("MovePayment"); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun[id] = s.begun[id] || to == order.PaymentRefunding
	p := s.payments[id]
	if p == nil {
		return false, order.Errorf(order.CodeNotFound, "There is no payment %s.", id)
	}
	if !slices.Contains(from, p.State) {
		return false, nil
	}
	p.State = to
	return true, nil
}

func (s *shop) RecordPayment(_ context.Context, p order.Payment) (order.Payment, error) {
	if err := s.enter("RecordPayment"); err != nil {
		return order.Payment{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record(p.OrderID, p.ID, p.State), nil
}

func (s *shop) RestorePayment(_ context.Context, p order.Payment) error {
	if err := s.enter("RestorePayment"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.payments[p.ID] == nil {
		s.payments[p.ID] = &p
	}
	return nil
}

func (s *shop) RecordRefund(_ context.Context, id string) (order.PaymentState, error) {
	if err := s.enter("RecordRefund"); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[id]
	if p == nil {
		return "", order.Errorf(order.CodeNotFound, "There is no payment %s.", id)
	}
	s.kept[id] = p.State != order.PaymentRefunding && p.State != order.PaymentRefunded
	return p.State, nil
}

// RefundBegun stands in for Temporal, which remembers who began one.
func (s *shop) RefundBegun(_ context.Context, id string) (bool, error) {
	if err := s.enter("RefundBegun"); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refunds[id] > 0 || s.begun[id], nil
}

func (s *shop) PublishProgress(_ context.Context, e order.ProgressEvent) error {
	if err := s.enter("Publish"); err != nil {
		return err
	}
	s.mu.Lock()
	s.published = append(s.published, e)
	s.mu.Unlock()
	return s.enter("Published " + string(e.Status))
}

func (s *shop) Settle(context.Context, uuid.UUID, order.Stock) error {
	if err := s.enter("Settle"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled++
	return nil
}

func (s *shop) Try(ctx context.Context, o order.Order) (string, string, error) {
	return s.Initiate(ctx, o)
}

func (s *shop) Initiate(_ context.Context, o order.Order) (string, string, error) {
	if err := s.enter("Initiate"); err != nil {
		return "", "", err
	}
	return asked(o.ID), "https://pay.example/" + o.ID.String(), nil
}

func (s *shop) Refund(_ context.Context, p order.Payment, _ string) error {
	if err := s.enter("Refund"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refunds[p.ID]++
	return nil
}
