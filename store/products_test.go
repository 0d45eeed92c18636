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
