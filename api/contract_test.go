package api_test

import (
	"testing"

	"github.com/google/uuid"

	"order-service/api"
	"order-service/api/apitest"
	"order-service/order"
)

// backend is the stand-in of api's tests.
type backend struct{ *api.Shop }

func (b backend) Place(t *testing.T, o order.Order) {
	t.Helper()
	if err := b.Insert(t.Context(), []order.Intent{{Order: o}})[0].Err; err != nil {
		t.Fatal(err)
	}
}

func (b backend) Advance(t *testing.T, id uuid.UUID, to order.Status) {
	t.Helper()
	o, err := b.Order(t.Context(), id)
	for _, next := range []order.Status{order.InventoryReserved, order.PaymentPending, to} {
		if err != nil {
			t.Fatal(err)
		}
		if o.Status != to && o.MayBecome(next) {
			b.Move(o, next)
			o, err = b.Order(t.Context(), id)
		}
	}
}

func TestStandInForTheStoreIsWhatTheAPICountsOn(t *testing.T) {
	apitest.Run(t, func(*testing.T) apitest.Backend { return backend{api.NewShop()} })
}
