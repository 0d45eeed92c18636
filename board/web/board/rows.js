// Writing to the page: rows kept by key and texts set only where they changed,
// so that an update moves no focus and restarts no transition.

const missing = "–";

export const known = (value) => value !== null && value !== undefined;

// keep makes the list's children match items, cloned from the template where
// new, and calls fill(row, item) for each.
export function keep(list, template, items, keyOf, fill) {
  const old = new Map([...list.children].map((row) => [row.dataset.key, row]));
  items.forEach((item, index) => {
    const key = keyOf(item);
    const row = old.get(key) ?? template.content.firstElementChild.cloneNode(true);
    old.delete(key);
    row.dataset.key = key;
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    fill(row, item);
  });
  for (const row of old.values()) row.remove();
}

// write sets [number, unit] or plain text.
export function write(node, text) {
  const [number, unit] = [].concat(text);
  const whole = unit ? `${number}\u00a0${unit}` : number;
  if (node.textContent === whole) return;
  node.textContent = number;
  if (unit) node.append("\u00a0", Object.assign(document.createElement("small"), { textContent: unit }));
}

// figure writes a number, or a dash where it could not be had: never a zero.
export function figure(node, value, format) {
  write(node, known(value) ? format(value) : missing);
  node.classList.toggle("missing", !known(value));
}

// absence says why a figure of a backend is missing, in the words of health,
// which is unknown until the first point has come.
export function absence(health, backend) {
  if (!health) return "";
  const reason = health.reasons.find((text) => text.includes(backend));
  return reason ? `Unavailable: ${reason}` : "Unavailable at the moment.";
}
