package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	stored, err := s.PutProduct(t.Context(), p, nil)
	must(t, err)
	p.Ledger.Available, p.Version = 7, stored.Version
	if stored != p {
		t.Errorf("stored %+v, want %+v", stored, p)
	}
	p.Name, p.StartsAt, p.EndsAt = "Better lamp", time.Time{}, time.Time{}
	again, err := s.PutProduct(t.Context(), p, nil)
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
	_, err = s.PutProduct(t.Context(), order.Product{ID: "lamp"}, nil)
	wantCode(t, err, order.CodeValidation)
}

func TestStockBelowWhatIsSoldIsRefused(t *testing.T) {
	s := newShop(t)
	p := s.put(t, 5, 0)
	s.at(t, p.ID, order.InventoryReserved)
	s.at(t, p.ID, order.Confirmed)
	p.Ledger.Total = 1
	_, err := s.PutProduct(t.Context(), p, nil)
	wantCode(t, err, order.CodeStockBelowSold)
	p.Ledger.Total = 2
	stored, err := s.PutProduct(t.Context(), p, nil)
	must(t, err)
	if want := (order.Ledger{Total: 2, Reserved: 1, Confirmed: 1}); stored.Ledger != want {
		t.Errorf("ledger %+v, want %+v", stored.Ledger, want)
	}
}

// Whoever could write such a time did, or had an older version do it. Read as
// it stands, one of them would keep every product from being listed.
func TestAProductWithATimeThatNobodyCanWriteHidesNoOther(t *testing.T) {
	s := newShop(t)
	always, never := time.Unix(0, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
	for _, c := range []struct {
		starts, ends         string
		wantStarts, wantEnds time.Time
	}{
		{"-infinity", "infinity", always, never},
		{"0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00+00", always, never},
		{"294276-12-31 23:59:59+00", "294276-12-31 23:59:59.9+00", never, never},
		{"1969-12-31 23:59:59+00", "9999-12-31 23:59:59+00", always, never.Truncate(time.Second)},
	} {
		bad, good := s.put(t, 1, 0), s.put(t, 1, 0)
		s.exec(t, `UPDATE products SET starts_at = $2::text::timestamptz, ends_at = $3::text::timestamptz WHERE product_id = $1`, bad.ID, c.starts, c.ends)
		bad.StartsAt, bad.EndsAt = c.wantStarts, c.wantEnds
		all, err := s.Products(t.Context())
		must(t, err)
		if !slices.Contains(all, bad) || !slices.Contains(all, good) {
			t.Errorf("%s to %s: %+v, want %+v and %+v", c.starts, c.ends, all, bad, good)
		}
	}
}

func TestAProductIsWrittenOnlyIfItIsAllowed(t *testing.T) {
	s := newShop(t)
	p := order.Product{ID: "lamp", Name: "Lamp", UnitPrice: 1999, Currency: "EUR", Ledger: order.Ledger{Total: 7}}
	refuse := func(want *order.Product) func(*order.Product) error {
		return func(now *order.Product) error {
			if (now == nil) != (want == nil) || now != nil && *now != *want {
				t.Errorf("asked about %+v, want %+v", now, want)
			}
			return order.Errorf(order.CodeForbidden, "No.")
		}
	}
	_, err := s.PutProduct(t.Context(), p, refuse(nil))
	wantCode(t, err, order.CodeForbidden)
	stored, err := s.PutProduct(t.Context(), p, nil)
	must(t, err)
	p.Name = "Better lamp"
	_, err = s.PutProduct(t.Context(), p, refuse(&stored))
	wantCode(t, err, order.CodeForbidden)
	if now, err := s.Product(t.Context(), "lamp"); err != nil || now != stored {
		t.Errorf("the product is %+v, %v; want %+v", now, err, stored)
	}
}

// Of many who have read the same product, or that there is none, one writes.
func TestOfWritersWhoHaveReadTheSameOnlyOneWrites(t *testing.T) {
	const writers = 8
	s := newShop(t)
	changed := order.Errorf(order.CodeConflict, "Changed.")
	race := func(read *order.Product) (wrote int32) {
		var done atomic.Int32
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				p := order.Product{ID: "lamp", Name: fmt.Sprint(i, read == nil), UnitPrice: 1, Currency: "EUR", Ledger: order.Ledger{Total: 7}}
				_, err := s.PutProduct(context.Background(), p, func(now *order.Product) error {
					if (now == nil) == (read == nil) && (now == nil || now.Name == read.Name) {
						return nil
					}
					return changed
				})
				switch {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, changed):
					t.Error(err)
				}
			})
		}
		all.Wait()
		return done.Load()
	}
	if wrote := race(nil); wrote != 1 {
		t.Errorf("%d created it", wrote)
	}
	read, err := s.Product(t.Context(), "lamp")
	must(t, err)
	if wrote := race(&read); wrote != 1 {
		t.Errorf("%d replaced it", wrote)
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
