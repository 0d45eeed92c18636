package order

// MaxAmount is the largest amount there may be, in minor units: 2^53 - 1, the
// largest integer that JSON readers which have only doubles keep exact (RFC
// 8259, section 6). A provider written in JavaScript would ask for another
// amount, and the webhook that reports it would not fit the order.
const MaxAmount = 1<<53 - 1

// MaxPrice is the largest unit price, in minor units: no valid order of a valid
// product costs more than MaxAmount.
const MaxPrice = MaxAmount / MaxQuantity

// Money is an amount in minor units (cents for EUR, yen for JPY) of one
// ISO 4217 currency.
type Money struct {
	Amount   int64
	Currency string
}

// Times returns m multiplied by n. It returns an Error with CodeValidation
// when the product is more than MaxAmount or m or n is negative: a price that
// overflows must never become a small or negative one, or one that whoever
// charges it reads as another.
func (m Money) Times(n int) (Money, error) {
	if m.Amount < 0 || n < 0 || n > 0 && m.Amount > MaxAmount/int64(n) {
		return Money{}, Invalid("quantity", "makes the amount too large")
	}
	return Money{Amount: m.Amount * int64(n), Currency: m.Currency}, nil
}
