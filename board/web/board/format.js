// Figures as people read them. A figure is [number, unit], both text.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

// count shortens what would not fit a tile: 1.2M.
export const count = (n) => (n < 100_000 ? whole : compact).format(n);

// precise keeps one decimal where it matters: below ten.
const precise = (n) => (n > 0 && n < 9.95 ? tenths : whole).format(n);

export const rate = (n) => (n < 100_000 ? precise(n) : compact.format(n));

export function duration(ms) {
  if (ms < 999.5) return [precise(ms), "ms"];
  const seconds = ms / 1000;
  if (seconds < 99.5) return [precise(seconds), "s"];
  if (seconds < 99 * 60) return [whole.format(seconds / 60), "min"];
  return [precise(seconds / 3600), "h"];
}

export const clock = (at) => timeOfDay.format(new Date(at));

export function share(part, total) {
  return total > 0 ? `${whole.format((100 * part) / total)} %` : "";
}
