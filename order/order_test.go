package order_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"order-service/order"
)

func requests() *rapid.Generator[order.Request] {
	return rapid.Custom(func(t *rapid.T) order.Request {
		return order.Request{
			UserID:    rapid.String().Draw(t, "user"),
			ProductID: rapid.StringMatching(`[A-Za-z0-9._-]{1,3}`).Draw(t, "product"),
			Quantity:  rapid.IntRange(1, 12).Draw(t, "quantity"),
			UnitPrice: rapid.Ptr(rapid.Int64Range(0, 12), true).Draw(t, "price"),
			Key:       rapid.String().Draw(t, "key"),
		}
	})
}

func sameBody(a, b order.Request) bool {
	samePrice := a.UnitPrice == b.UnitPrice || a.UnitPrice != nil && b.UnitPrice != nil && *a.UnitPrice == *b.UnitPrice
	return a.ProductID == b.ProductID && a.Quantity == b.Quantity && samePrice
}

func TestHashesAreEqualExactlyWhenBodiesAre(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := requests().Draw(t, "a"), requests().Draw(t, "b")
		if rapid.Bool().Draw(t, "alike") {
			b.ProductID, b.Quantity = a.ProductID, a.Quantity
		}
		if got := bytes.Equal(a.Hash(), b.Hash()); got != sameBody(a, b) {
			t.Fatalf("equal hashes = %t of %+v and %+v", got, a, b)
		}
	})
}

func TestHashIgnoresWhoAsksAndUnderWhichKey(t *testing.T) {
	t.Parallel()
	price := int64(0)
	a := order.Request{UserID: "ann", ProductID: "lamp", Quantity: 1, Key: "k1"}
	b := order.Request{UserID: "bob", ProductID: "lamp", Quantity: 1, Key: "k2"}
	if !bytes.Equal(a.Hash(), b.Hash()) {
		t.Error("the same body has two hashes")
	}
	if b.UnitPrice = &price; bytes.Equal(a.Hash(), b.Hash()) {
		t.Error("no price and price 0 have one hash")
	}
}

func TestRequestNamesEveryBadField(t *testing.T) {
	t.Parallel()
	price := func(p int64) *int64 { return &p }
	for name, c := range map[string]struct {
		request order.Request
		fields  []string
	}{
		"smallest":    {order.Request{ProductID: "a", Quantity: 1, UnitPrice: price(0)}, nil},
		"largest":     {order.Request{ProductID: strings.Repeat("Z", order.MaxProductID), Quantity: order.MaxQuantity}, nil},
		"none":        {order.Request{ProductID: "a"}, []string{"quantity"}},
		"too many":    {order.Request{ProductID: "a", Quantity: order.MaxQuantity + 1}, []string{"quantity"}},
		"no product":  {order.Request{Quantity: 1}, []string{"productId"}},
		"long id":     {order.Request{ProductID: strings.Repeat("Z", order.MaxProductID+1), Quantity: 1}, []string{"productId"}},
		"odd id":      {order.Request{ProductID: "a\nb", Quantity: 1}, []string{"productId"}},
		"hash tag id": {order.Request{ProductID: "{a}", Quantity: 1}, []string{"productId"}},
		"everything":  {order.Request{UnitPrice: price(-1)}, []string{"productId", "quantity", "unitPrice"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFields(t, c.request.Validate(), c.fields)
		})
	}
}
