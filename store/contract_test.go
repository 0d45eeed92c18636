package store_test

import (
	"testing"

	"github.com/google/uuid"

	"order-service/api/apitest"
	"order-service/order"
)

// backend is a shop as api sees it.
type backend struct{ *shop }

func (b backend) Place(t *testing.T, o order.Order) {
	t.Helper()
	_, err := b.intake.Insert(t.Context(), order.Intent{Order: o})
	must(t, err)
}

func (b backend) Advance(t *testing.T, id uuid.UUID, to order.Status) {
	t.Helper()
	b.bring(t, id, to)
}

func TestStoreIsWhatTheAPICountsOn(t *testing.T) {
	apitest.Run(t, func(t *testing.T) apitest.Backend { return backend{newShop(t)} })
}
