package order

import (
	"fmt"
	"maps"
	"strings"
)

// exponents are those of ISO 4217 that are not 2: how many digits of an amount
// in minor units come behind the point. It is the one table of the service; its
// pages get it with their code (web/money.js). CLDR, which browsers and
// golang.org/x/text go by, says how people like to see a currency and not what
// its minor unit is: it has no digits for the dinar of Serbia, of which ISO
// 4217 has 2.
//
// What has no minor unit, such as gold, is counted in whole ones.
var exponents = table(map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF " +
		"XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
})

func table(codes map[int]string) map[string]int {
	t := map[string]int{}
	for exponent, list := range codes {
		for code := range strings.FieldsSeq(list) {
			t[code] = exponent
		}
	}
	return t
}

// usualExponent is that of a currency which is not in the table, be it one that
// did not exist when the table was written.
const usualExponent = 2

// Exponent returns ISO 4217's exponent of a currency: 10 to its power minor
// units are one major unit.
func Exponent(currency string) int {
	if exponent, ok := exponents[currency]; ok {
		return exponent
	}
	return usualExponent
}

// Exponents returns the exponents that are not 2, by currency.
func Exponents() map[string]int { return maps.Clone(exponents) }

// String writes m in major units: 4999 EUR is "49.99 EUR".
func (m Money) String() string {
	sign, digits, point := "", uint64(m.Amount), Exponent(m.Currency)
	if m.Amount < 0 {
		sign, digits = "-", -digits
	}
	text := fmt.Sprintf("%0*d", point+1, digits)
	whole, part := text[:len(text)-point], text[len(text)-point:]
	if point > 0 {
		part = "." + part
	}
	return sign + whole + part + " " + m.Currency
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
