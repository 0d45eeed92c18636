// What the modules share for building the page out of its <template>s.

export const $ = (id) => document.getElementById(id);

// stamp copies a template's one element; part finds what data-part names in it.
export const stamp = (id) => $(id).content.firstElementChild.cloneNode(true);
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

// Writing only what differs keeps screen readers, selections and CSS
// transitions undisturbed by a page that is refreshed all the time.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

// setOff says that a control does nothing now. Unlike one that is disabled, it
// keeps the focus that it has.
export function setOff(element, off) {
  if (element.getAttribute("aria-disabled") !== String(off)) element.setAttribute("aria-disabled", off);
}

export const focusIn = (element) => element.contains(document.activeElement);

export function setTone(element, tone) {
  if (element.dataset.tone !== tone) element.dataset.tone = tone;
}

// clear takes the skeletons out of a list, once there is something to show.
export function clear(list) {
  if (list.getAttribute("aria-busy") !== "true") return;
  list.replaceChildren();
  list.setAttribute("aria-busy", "false");
}

// announce tells screen readers what sighted people see happen elsewhere.
export function announce(text) {
  $("announcer").textContent = text;
}

let toastTimer;

// toast shows a line over the page's foot, for good or for some milliseconds.
export function toast(text, milliseconds = 0) {
  clearTimeout(toastTimer);
  setText($("toast"), text);
  setHidden($("toast"), !text);
  if (milliseconds) toastTimer = setTimeout(toast, milliseconds, "");
}

// reveal brings an element into view and puts the focus there, so that
// keyboards and screen readers go on from it. In a column of its own it moves
// no more than it must.
export function reveal(element, focused) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const beside = matchMedia("(width >= 64rem)").matches;
  focused.focus({ preventScroll: true });
  element.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: beside ? "nearest" : "start" });
}
