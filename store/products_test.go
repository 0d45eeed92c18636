package store_test

import (
	"testing"
	"time"

	"order-service/order"
)

func TestAProductIsStoredAsPutWithARisingVersion(t *testing.T) {
	s := newShop(t)
	starts := time.Now().UTC().Truncate(time.Millisecond)
	p := order.Product{
		ID: "lamp", Name: "Lamp", UnitPrice: 1999, Currency: "EUR", PerUserLimit: 2,
		StartsAt: starts, EndsAt: starts.Add(time.Hour), Ledger: order.Ledger{Total: 7},
	}
	stored, err := s.PutProduct(t.Context(), p)
	must(t, err)
	p.Ledger.Available, p.Version = 7, stored.Version
	if stored != p {
		t.Errorf("stored %+v, want %+v", stored, p)
	}
	p.Name, p.StartsAt, p.EndsAt = "Better lamp", time.Time{}, time.Time{}
	again, err := s.PutProduct(t.Context(), p)
	must(t, err)
	if again.Version <= stored.Version || again.Name != p.Name || !again.StartsAt.IsZero() {
		t.Errorf("stored %+v over %+v", again, stored)
	}
	if read, err := s.Product(t.Context(), "lamp"); err != nil || read != again {
		t.Errorf("read %+v, %v, want %+v", read, err, again)
	}
	if all, err := s.Products(t.Context()); err != nil || len(all) != 1 || all[0] != again {
		t.Errorf("all: %+v, %v", all, err)
	}
	_, err = s.Product(t.Context(), "chair")
	wantCode(t, err, order.CodeProductNotFound)
	_, err = s.PutProduct(t.Context(), order.Product{ID: "lamp"})
	wantCode(t, err, order.CodeValidation)
}

func TestStockBelowWhatIsSoldIsRefused(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	s.at(t, p.ID, order.InventoryReserved)
	s.at(t, p.ID, order.Confirmed)
	p.Ledger.Total = 1
	_, err := s.PutProduct(t.Context(), p)
	wantCode(t, err, order.CodeStockBelowSold)
	p.Ledger.Total = 2
	stored, err := s.PutProduct(t.Context(), p)
	must(t, err)
	if want := (order.Ledger{Total: 2, Reserved: 1, Confirmed: 1}); stored.Ledger != want {
		t.Errorf("ledger %+v, want %+v", stored.Ledger, want)
	}
}

func TestARestockUnderOneKeyAddsOnce(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	for range 2 {
		got, err := s.Restock(t.Context(), p.ID, 3, "key")
		must(t, err)
		if want := (order.Ledger{Total: 8, Available: 8}); got.Ledger != want || got.Version != p.Version+1 {
			t.Fatalf("product %+v, want the ledger %+v", got, want)
		}
	}
	_, err := s.Restock(t.Context(), p.ID, 4, "key")
	wantCode(t, err, order.CodeIdempotencyMismatch)
	for range 2 {
		_, err = s.Restock(t.Context(), p.ID, 1, "")
		must(t, err)
	}
	if got := s.ledger(t, p.ID).Total; got != 10 {
		t.Errorf("total %d, want 10", got)
	}
	for _, key := range []string{"", "key"} {
		_, err = s.Restock(t.Context(), "no-such-product", 1, key)
		wantCode(t, err, order.CodeProductNotFound)
	}
	for _, quantity := range []int64{0, -1, order.MaxStock, order.MaxStock + 1} {
		_, err = s.Restock(t.Context(), p.ID, quantity, "")
		wantCode(t, err, order.CodeValidation)
	}
}
