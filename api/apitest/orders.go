package apitest

import (
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

func (s suite) nothing() {
	unknown := uuid.Must(uuid.NewV7())
	_, err := s.Order(s.Context(), unknown)
	s.refuses("an order", err, order.CodeOrderNotFound)
	_, err = s.History(s.Context(), unknown, 0)
	s.refuses("its history", err, order.CodeOrderNotFound)
	_, err = s.Product(s.Context(), "chair")
	s.refuses("a product", err, order.CodeProductNotFound)
	_, err = s.Payment(s.Context(), "pay")
	s.refuses("a payment", err, order.CodeNotFound)
	for _, key := range []string{"", "key"} {
		_, err = s.Restock(s.Context(), "chair", 1, key)
		s.refuses("a product to restock", err, order.CodeProductNotFound)
	}
	orders, next, err := s.List(s.Context(), "nobody", "", uuid.Nil, 10)
	s.must(err)
	s.are(orders)
	if next != uuid.Nil {
		s.Errorf("behind no orders there is %s", next)
	}
}

// An order may be lost, and the money that comes for it must not be.
func (s suite) lost() {
	s.stock("lamp", 10)
	now := time.Now().UTC().Truncate(time.Millisecond)
	lost := order.Order{
		ID: uuid.Must(uuid.NewV7()), UserID: "ann", ProductID: "lamp", Quantity: 1, UnitPrice: 1999, Amount: 1999, Currency: "EUR",
		Status: order.Pending, Seq: 1, CreatedAt: now, UpdatedAt: now,
	}
	if p := s.reports(lost, "pay", right); p.State != right {
		s.Errorf("a payment for it: %+v", p)
	}
	s.reports(lost, "odd", wrong)
	s.must(s.Restore(s.Context(), lost))
	if got, err := s.Order(s.Context(), lost.ID); err != nil || got != lost {
		s.Errorf("got  %+v, %v\nwant %+v", got, err, lost)
	}
	s.Advance(s.T, lost.ID, order.PaymentPending)
	s.must(s.Restore(s.Context(), lost))
	if got, err := s.Order(s.Context(), lost.ID); err != nil || got.Status != order.PaymentPending {
		s.Errorf("restored again it is %s, %v", got.Status, err)
	}
}

func (s suite) accepted() {
	s.stock("lamp", 10)
	want := s.place("ann", "lamp")
	got, err := s.Order(s.Context(), want.ID)
	s.must(err)
	if got != want {
		s.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// are checks which orders there are, in this order.
func (s suite) are(got []order.Order, want ...order.Order) {
	s.Helper()
	same := len(got) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = got[i].ID == want[i].ID
	}
	if !same {
		s.Errorf("got %v, want %v", got, want)
	}
}

func (s suite) list() {
	s.stock("lamp", 10)
	var own []order.Order
	for range 5 {
		own = append(own, s.place("ann", "lamp"))
	}
	s.place("bob", "lamp")
	s.Advance(s.T, own[1].ID, order.InventoryReserved)
	page := func(status order.Status, before, wantNext uuid.UUID, limit int) []order.Order {
		orders, next, err := s.List(s.Context(), "ann", status, before, limit)
		s.must(err)
		if next != wantNext {
			s.Errorf("%d orders of status %q, and the next page begins before %s; want %s", len(orders), status, next, wantNext)
		}
		return orders
	}
	s.are(page("", uuid.Nil, own[2].ID, 3), own[4], own[3], own[2])
	s.are(page("", own[2].ID, uuid.Nil, 3), own[1], own[0])
	s.are(page("", own[2].ID, uuid.Nil, 2), own[1], own[0])
	s.are(page("", own[0].ID, uuid.Nil, 3))
	s.are(page(order.InventoryReserved, uuid.Nil, uuid.Nil, 10), own[1])
	s.are(page(order.Pending, own[2].ID, uuid.Nil, 10), own[0])
	s.are(page(order.Pending, uuid.Nil, own[4].ID, 1), own[4])
}

func (s suite) recent() {
	s.stock("lamp", 10)
	open, done, waiting := s.place("ann", "lamp"), s.at("ann", "lamp", order.Cancelled), s.at("ann", "lamp", order.PaymentPending)
	s.place("bob", "lamp")
	since := func(at time.Time, limit int) []order.Order {
		orders, err := s.Recent(s.Context(), "ann", at, limit)
		s.must(err)
		return orders
	}
	s.are(since(time.Now().Add(-time.Hour), 10), waiting, done, open)
	s.are(since(time.Now().Add(-time.Hour), 2), waiting, done)
	s.are(since(time.Now().Add(time.Hour), 10), waiting, open)
}

func (s suite) history() {
	s.stock("lamp", 10)
	o := s.at("ann", "lamp", order.Confirmed)
	for after := range int64(6) {
		events, err := s.History(s.Context(), o.ID, after)
		s.must(err)
		if want := max(0, 4-int(after)); len(events) != want {
			s.Fatalf("%d events behind %d, want %d", len(events), after, want)
		}
		for i, e := range events {
			want := []order.Status{order.Pending, order.InventoryReserved, order.PaymentPending, order.Confirmed}[int(after)+i]
			if e.Seq != after+int64(i)+1 || e.Status != want || e.OrderID != o.ID || e.UserID != "ann" || e.Message != order.Message(want, "") {
				s.Errorf("behind %d: event %d is %+v", after, i, e)
			}
		}
	}
}
