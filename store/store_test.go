package store_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"order-service/order"
	"order-service/store"
	"order-service/store/storetest"
)

func TestConcurrentMigrationsLeaveOneSchemaAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), store.Config{URL: url, Log: zerolog.Nop()})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := storetest.Open(t, url)
	must(t, s.Migrate(t.Context()))
	products, err := s.Products(t.Context())
	must(t, err)
	if len(products) != 0 {
		t.Fatalf("a new schema has products: %v", products)
	}
}

func TestAnUnreachableServerIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := store.Open(t.Context(), store.Config{URL: "postgres://nobody@127.0.0.1:1/none", Log: zerolog.Nop()})
	wantCode(t, err, order.CodeUnavailable)
}

func TestABadURLIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := store.Open(t.Context(), store.Config{URL: "postgres://%zz", Log: zerolog.Nop()}); err == nil {
		t.Fatal("a malformed URL was accepted")
	}
}

// A lock that is held elsewhere keeps nobody from leading twice, with a pooler or
// without.
func TestADirectWayToAnotherPlaceIsRefused(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	for direct, want := range map[string]bool{url: true, url + "&timezone=Asia/Tokyo": true, storetest.URL(t): false} {
		s, err := store.Open(t.Context(), store.Config{URL: url, Direct: direct, Log: zerolog.Nop()})
		must(t, err)
		defer s.Close()
		err = s.Migrate(t.Context())
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "DATABASE_DIRECT_URL") {
			t.Errorf("%s beside %s: %v", direct, url, err)
		}
	}
}
