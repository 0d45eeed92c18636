package order

import "math"

// Money is an amount in minor units (cents for EUR, yen for JPY) of one
// ISO 4217 currency.
type Money struct {
	Amount   int64
	Currency string
}

// Times returns m multiplied by n. It returns an Error with CodeValidation
// when the product does not fit in an int64 or m or n is negative: a price
// that overflows must never become a small or negative one.
func (m Money) Times(n int) (Money, error) {
	if m.Amount < 0 || n < 0 || (n > 0 && m.Amount > math.MaxInt64/int64(n)) {
		return Money{}, Invalid("quantity", "the amount is too large")
	}
	return Money{Amount: m.Amount * int64(n), Currency: m.Currency}, nil
}

// ValidCurrency reports whether code has the form of an ISO 4217 alphabetic
// code. The list of codes in use changes; its form does not.
func ValidCurrency(code string) bool {
	if len(code) != 3 {
		return false
	}
	for _, c := range []byte(code) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
