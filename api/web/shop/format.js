// Numbers, times and statuses as people read them, in the browser's language.

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

// inLine says where an order is in the line, in two lengths; nothing where that
// is not known or of no interest.
export function inLine({ status, position, estimatedSeconds }) {
  if (status !== "PENDING" || !position) return {};
  const before = `${count(position)} before you`;
  return { before, told: estimatedSeconds ? `${before}, about ${span(estimatedSeconds)}` : before };
}

// span writes seconds as people say them.
function span(seconds) {
  if (seconds < 90) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  return `${Math.round(seconds / 60)} minutes`;
}

// The way an order goes when all is well, and what each status is called.
export const path = ["PENDING", "INVENTORY_RESERVED", "PAYMENT_PENDING", "CONFIRMED"];

export const statuses = {
  PENDING: { badge: "Processing", step: "Order placed", tone: "busy" },
  INVENTORY_RESERVED: { badge: "Reserved", step: "Units reserved", tone: "busy" },
  PAYMENT_PENDING: { badge: "Awaiting payment", step: "Payment requested", tone: "warn" },
  CONFIRMED: { badge: "Confirmed", step: "Confirmed", tone: "good", final: true },
  FAILED: { badge: "Failed", step: "Not completed", tone: "bad", final: true },
  CANCELLED: { badge: "Cancelled", step: "Cancelled", tone: "off", final: true },
};
