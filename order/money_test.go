package order_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"order-service/order"
)

func TestTimesIsExactOrRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := order.Money{Amount: rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1, 2*order.MaxPrice)).Draw(t, "amount"), Currency: "EUR"}
		n := rapid.OneOf(rapid.Int(), rapid.IntRange(-1, order.MaxQuantity)).Draw(t, "n")
		product := new(big.Int).Mul(big.NewInt(m.Amount), big.NewInt(int64(n)))
		got, err := m.Times(n)
		if m.Amount < 0 || n < 0 || product.CmpAbs(big.NewInt(order.MaxAmount)) > 0 {
			if order.CodeOf(err) != order.CodeValidation || got != (order.Money{}) {
				t.Fatalf("%d × %d = %v, %v; want a refusal", m.Amount, n, got, err)
			}
			return
		}
		if err != nil || got.Amount != product.Int64() || got.Currency != "EUR" {
			t.Fatalf("%d × %d = %v, %v", m.Amount, n, got, err)
		}
	})
}

func TestTimesAtTheEdges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount int64
		n      int
		ok     bool
	}{
		{0, 0, true}, {0, math.MaxInt, true}, {math.MaxInt64, 0, true}, {math.MaxInt64, 1, false}, {math.MaxInt64, math.MaxInt, false},
		{order.MaxAmount, 1, true}, {order.MaxAmount + 1, 1, false}, {order.MaxAmount, 2, false}, // a double has no 2^53 + 1
		{order.MaxAmount / 3, 3, true}, {order.MaxAmount/3 + 1, 3, false}, {-1, 1, false}, {1, -1, false}, {math.MinInt64, -1, false},
		{order.MaxPrice, order.MaxQuantity, true}, // no valid product and quantity are too much
	} {
		if _, err := (order.Money{Amount: c.amount}).Times(c.n); (err == nil) != c.ok {
			t.Errorf("%d × %d: %v", c.amount, c.n, err)
		}
	}
}
