package order_test

import (
	"fmt"

	"order-service/order"
)

// The happy path, the two other ends, and that an end is one.
func ExampleStatus_CanBecome() {
	path := []order.Status{order.Pending, order.InventoryReserved, order.PaymentPending, order.Confirmed}
	for i, s := range path[:3] {
		fmt.Println(s, s.CanBecome(path[i+1]), s.CanBecome(order.Cancelled), s.CanBecome(s))
	}
	fmt.Println(order.Confirmed, order.Confirmed.CanBecome(order.Cancelled), order.Confirmed.Final())
	// Output:
	// PENDING true true false
	// INVENTORY_RESERVED true true false
	// PAYMENT_PENDING true true false
	// CONFIRMED false true
}

// Only an order that costs nothing is confirmed without having waited for money.
func ExampleOrder_MayBecome() {
	bought := order.Order{Status: order.InventoryReserved, Amount: 1999, Currency: "EUR"}
	given := order.Order{Status: order.InventoryReserved, Amount: 0, Currency: "EUR"}
	fmt.Println(bought.MayBecome(order.Confirmed), given.MayBecome(order.Confirmed))
	// Output: false true
}

// Stock can only run out before there is a payment to wait for, and a payment
// can only be declined while it is waited for.
func ExampleReason_Allows() {
	for _, from := range []order.Status{order.Pending, order.PaymentPending} {
		fmt.Println(from, order.OutOfStock.Allows(from), order.PaymentDeclined.Allows(from))
	}
	// Output:
	// PENDING true false
	// PAYMENT_PENDING false true
}

// Amounts are whole minor units, of which a currency says how large they are.
func ExampleMoney_String() {
	for _, currency := range []string{"EUR", "JPY", "KWD"} {
		fmt.Println(order.Money{Amount: 4999, Currency: currency})
	}
	// Output:
	// 49.99 EUR
	// 4999 JPY
	// 4.999 KWD
}

// An amount is exact everywhere or it is refused.
func ExampleMoney_Times() {
	fmt.Println(order.Money{Amount: 4999, Currency: "EUR"}.Times(3))
	_, err := order.Money{Amount: order.MaxAmount, Currency: "EUR"}.Times(2)
	fmt.Println(order.CodeOf(err), order.Permanent(err))
	// Output:
	// 149.97 EUR <nil>
	// validation true
}
