package order_test

import (
	"math"
	"testing"

	"order-service/order"
)

func TestAmountsAreWrittenByISO4217sExponent(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]order.Money{
		"49.99 EUR": {Amount: 4999, Currency: "EUR"}, "0.05 EUR": {Amount: 5, Currency: "EUR"}, "0.00 EUR": {Currency: "EUR"},
		"500 JPY": {Amount: 500, Currency: "JPY"}, "1.250 KWD": {Amount: 1250, Currency: "KWD"}, "0.0001 CLF": {Amount: 1, Currency: "CLF"},
		"1290.00 RSD": {Amount: 129000, Currency: "RSD"}, "3.500 IQD": {Amount: 3500, Currency: "IQD"}, // CLDR has no digits for these
		"900.00 HUF": {Amount: 90000, Currency: "HUF"}, "12.34 COP": {Amount: 1234, Currency: "COP"},
		"7 XAU": {Amount: 7, Currency: "XAU"}, "0.07 QQQ": {Amount: 7, Currency: "QQQ"},
		"90071992547409.91 USD": {Amount: order.MaxAmount, Currency: "USD"}, "-0.50 EUR": {Amount: -50, Currency: "EUR"},
		"-92233720368547758.08 EUR": {Amount: math.MinInt64, Currency: "EUR"},
	} {
		if got := m.String(); got != want {
			t.Errorf("%d %s is written %q, want %q", m.Amount, m.Currency, got, want)
		}
	}
}

func TestTheTableHoldsCurrenciesOnlyWhoseExponentIsNotTwo(t *testing.T) {
	t.Parallel()
	table := order.Exponents()
	for currency, exponent := range table {
		if !order.ValidCurrency(currency) || exponent == 2 || exponent != order.Exponent(currency) {
			t.Errorf("%s has %d", currency, exponent)
		}
	}
	table["EUR"] = 7
	if order.Exponent("EUR") != 2 {
		t.Error("the table was lent, not copied")
	}
}

func TestCurrencyHasThreeCapitals(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"EUR": true, "JPY": true, "": false, "EU": false, "EURO": false, "eur": false, "E1R": false, "ÄU": false} {
		if got := order.ValidCurrency(code); got != want {
			t.Errorf("%q: %t", code, got)
		}
	}
}
