// Numbers, times and statuses as people read them, in the browser's language.

const currencies = new Map();

// money formats minor units: 4999 EUR is €49.99, 500 JPY is ¥500.
export function money(minor, currency) {
  if (!currencies.has(currency)) {
    currencies.set(currency, new Intl.NumberFormat(undefined, { style: "currency", currency, currencyDisplay: "narrowSymbol" }));
  }
  const format = currencies.get(currency);
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export const count = (n) => n.toLocaleString();

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const clockTime = (time) => clockFormat.format(new Date(time));

// moment leaves the date out where it is today.
export function moment(time) {
  const at = new Date(time);
  return at.toDateString() === new Date().toDateString() ? minuteFormat.format(at) : dayFormat.format(at);
}

// countdown writes milliseconds as 4:05, 3:04:05 or 2 d 03:04:05, rounded up:
// a second that has begun is still there.
export function countdown(milliseconds) {
  const total = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [days, hours, minutes, seconds] = [Math.floor(total / 86_400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60];
  if (days > 0) return `${days} d ${two(hours)}:${two(minutes)}:${two(seconds)}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

// The way an order goes when all is well, and what each status is called.
export const path = ["PENDING", "INVENTORY_RESERVED", "PAYMENT_PENDING", "CONFIRMED"];

export const statuses = {
  PENDING: { badge: "Processing", step: "Order placed", tone: "busy" },
  INVENTORY_RESERVED: { badge: "Reserved", step: "Units reserved", tone: "busy" },
  PAYMENT_PENDING: { badge: "Awaiting payment", step: "Payment requested", tone: "warn" },
  CONFIRMED: { badge: "Confirmed", step: "Paid and confirmed", tone: "good", final: true },
  FAILED: { badge: "Failed", step: "Not completed", tone: "bad", final: true },
  CANCELLED: { badge: "Cancelled", step: "Cancelled", tone: "off", final: true },
};
