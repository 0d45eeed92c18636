package apitest

import (
	"errors"
	"slices"
	"time"

	"order-service/order"
)

// always allows every write.
func always(*order.Product) error { return nil }

func (s suite) put() {
	starts := time.Now().UTC().Truncate(time.Millisecond)
	p := product("lamp", 7)
	p.PerUserLimit, p.StartsAt, p.EndsAt = 2, starts, starts.Add(time.Hour)
	stored, err := s.PutProduct(s.Context(), p, always)
	s.must(err)
	p.Ledger.Available, p.Version = 7, stored.Version
	if stored != p {
		s.Errorf("stored %+v, want %+v", stored, p)
	}
	p.Name, p.StartsAt, p.EndsAt = "Better lamp", time.Time{}, time.Time{}
	again, err := s.PutProduct(s.Context(), p, always)
	s.must(err)
	if again.Version <= stored.Version || again.Name != p.Name || !again.StartsAt.IsZero() {
		s.Errorf("stored %+v over %+v", again, stored)
	}
	if read, err := s.Product(s.Context(), "lamp"); err != nil || read != again {
		s.Errorf("read %+v, %v, want %+v", read, err, again)
	}
	_, err = s.PutProduct(s.Context(), order.Product{ID: "lamp"}, always)
	s.refuses("a product without a name", err, order.CodeValidation)
}

func (s suite) products() {
	var want []order.Product
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		want = append(want, product(id, 1))
	}
	for _, i := range []int{3, 0, 4, 1, 2} {
		want[i] = s.stock(want[i].ID, 1)
	}
	if got, err := s.Products(s.Context()); err != nil || !slices.Equal(got, want) {
		s.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func (s suite) conditional() {
	refusal := errors.New("not now")
	var seen []*order.Product
	refuse := func(now *order.Product) error {
		seen = append(seen, now)
		return refusal
	}
	if _, err := s.PutProduct(s.Context(), product("lamp", 1), refuse); !errors.Is(err, refusal) {
		s.Errorf("refused with %v", err)
	}
	_, err := s.Product(s.Context(), "lamp")
	s.refuses("what was not allowed", err, order.CodeProductNotFound)
	there := s.stock("lamp", 1)
	if _, err := s.PutProduct(s.Context(), product("lamp", 2), refuse); !errors.Is(err, refusal) {
		s.Errorf("refused with %v", err)
	}
	if now, err := s.Product(s.Context(), "lamp"); err != nil || now != there {
		s.Errorf("it is %+v, %v, and was %+v", now, err, there)
	}
	if len(seen) != 2 || seen[0] != nil || *seen[1] != there {
		s.Errorf("shown %v, want none and then %+v", seen, there)
	}
}

func (s suite) sold() {
	s.stock("lamp", 5)
	s.at("ann", "lamp", order.InventoryReserved)
	s.at("ann", "lamp", order.Confirmed)
	s.at("ann", "lamp", order.Cancelled)
	_, err := s.PutProduct(s.Context(), product("lamp", 1), always)
	s.refuses("a stock of 1", err, order.CodeStockBelowSold)
	if p := s.stock("lamp", 2); p.Ledger != (order.Ledger{Total: 2, Reserved: 1, Confirmed: 1}) {
		s.Errorf("ledger %+v", p.Ledger)
	}
}

func (s suite) restock() {
	p := s.stock("lamp", 5)
	for range 2 {
		got, err := s.Restock(s.Context(), "lamp", 3, "key")
		s.must(err)
		if got.Ledger != (order.Ledger{Total: 8, Available: 8}) || got.Version != p.Version+1 {
			s.Fatalf("product %+v of %+v", got, p)
		}
	}
	_, err := s.Restock(s.Context(), "lamp", 4, "key")
	s.refuses("another quantity under the key", err, order.CodeIdempotencyMismatch)
	for range 2 {
		_, err = s.Restock(s.Context(), "lamp", 1, "")
		s.must(err)
	}
	s.stock("desk", 1)
	if desk, err := s.Restock(s.Context(), "desk", 4, "key"); err != nil || desk.Ledger.Total != 5 {
		s.Errorf("the key at another product: %+v, %v", desk.Ledger, err)
	}
	for _, quantity := range []int64{0, -1, order.MaxStock, order.MaxStock + 1} {
		_, err = s.Restock(s.Context(), "lamp", quantity, "")
		s.refuses("a quantity out of bounds", err, order.CodeValidation)
	}
	if now, err := s.Product(s.Context(), "lamp"); err != nil || now.Ledger != (order.Ledger{Total: 10, Available: 10}) {
		s.Errorf("in the end %+v, %v", now.Ledger, err)
	}
}
