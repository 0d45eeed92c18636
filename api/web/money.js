// Money as people read it, in the browser's language. How many digits of an
// amount are minor units is for ISO 4217 to say. Intl goes by CLDR, which leaves
// those out that people do not use: it has none for RSD, of which ISO 4217 has 2.

// The exponents that are not 2. The service puts its own table here.
const exponents = { /* order.Exponents */ };
const exponentOf = (currency) => exponents[currency] ?? 2;

const roundFrom = 10_000; // major units; shortMoney has no room for more with all their digits

// money formats minor units: 4999 EUR is €49.99, 500 JPY is ¥500.
export function money(minor, currency) {
  const digits = exponentOf(currency);
  const format = formatter(currency, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return format.format(decimal(minor, digits));
}

// shortMoney is for where there is little room: a long amount loses its minor
// units, then its digits.
export function shortMoney(minor, currency) {
  const digits = exponentOf(currency);
  if (minor < roundFrom * 10 ** digits) return money(minor, currency);
  return formatter(currency, { notation: "compact", maximumFractionDigits: 1 }).format(decimal(minor, digits));
}

const formatters = new Map();

function formatter(currency, options) {
  const key = currency + options.notation;
  if (!formatters.has(key)) {
    formatters.set(key, new Intl.NumberFormat(undefined, { style: "currency", currency, currencyDisplay: "narrowSymbol", ...options }));
  }
  return formatters.get(key);
}

// decimal writes minor units as text, which Intl reads exactly. A quotient of
// numbers is only nearly the amount.
function decimal(minor, digits) {
  const text = String(minor).padStart(digits + 1, "0");
  return digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
}
