// The panel with the buyer's orders: live ones unfolded, older ones page by page.

import { patience, pause } from "./api.js";
import { everySecond } from "./clock.js";
import { $, announce, clear, focusIn, reveal, setHidden, setText, toast } from "./dom.js";
import { statuses } from "./format.js";
import { money } from "../money.js";
import { OrderCard } from "./order-card.js";
import { Orders } from "./orders.js";
import { nameOf } from "./products.js";
import { call } from "./session.js";
import { cannot } from "./words.js";

const cancelTries = 5;

const cards = new Map(); // by order id
export const orders = new Orders(changed);

export function startOrderList() {
  $("order-filter").addEventListener("change", (event) => attempt(orders.choose(event.target.value)));
  $("older").addEventListener("click", () => attempt(showOlder()));
  everySecond(() => {
    cards.forEach((card) => card.tick());
    orders.lookAhead();
  });
}

// attempt runs what a control asked for, and says when it fails.
export async function attempt(work) {
  try {
    await work;
  } catch (problem) {
    toast(cannot(problem), 6000);
  }
}

// showOlder goes on at the first that is new where there is nothing older to ask
// for: the button, which has the focus, is gone then.
async function showOlder() {
  const before = orders.list.length;
  const focused = focusIn($("older"));
  await orders.more();
  const next = orders.list[before];
  if (focused && next && !orders.cursor) cards.get(next.orderId).summary.focus({ preventScroll: true });
}

// showOrder unfolds an order and brings it into view.
export function showOrder(id) {
  if (!cards.has(id) && orders.filter) {
    $("order-filter").value = "";
    attempt(orders.choose(""));
  }
  const card = cards.get(id);
  if (!card) return;
  card.open();
  reveal(card.element, card.summary);
}

function changed(order, previous) {
  render();
  if (!order) return;
  const card = cards.get(order.orderId);
  if (card?.details.open) orders.complete(order.orderId).catch(() => {}); // the next event asks again
  if (previous && previous !== order.status) announce(`${nameOf(order.productId)}: ${orders.events(order.orderId).at(-1)?.message ?? statuses[order.status].step}`);
}

export function render() {
  if (!orders.loaded) return; // the skeleton stands until it is known what there is
  const shown = orders.list;
  clear($("order-list"));
  for (const [id, card] of cards) {
    if (!shown.some((o) => o.orderId === id)) remove(id, card);
  }
  shown.forEach(place);
  setHidden($("no-orders"), shown.length > 0);
  setText($("no-orders-text"), orders.filter ? "No orders like that." : "Buy something and watch it move: placed, reserved, paid, confirmed.");
  setHidden($("older"), !orders.cursor);
  setText($("open-count"), String(orders.awaitingPayment || ""));
}

// remove hands the focus on, to the next order.
function remove(id, { element }) {
  const beside = element.nextElementSibling ?? element.previousElementSibling;
  if (focusIn(element)) (beside?.querySelector("summary") ?? $("order-filter")).focus();
  element.remove();
  cards.delete(id);
}

// place puts an order's card where it belongs, without moving one that is
// there already: that would take the focus from it.
function place(order, index) {
  const card = cards.get(order.orderId) || add(order);
  card.update(order, nameOf(order.productId), orders.events(order.orderId));
  const there = $("order-list").children[index];
  if (there !== card.element) $("order-list").insertBefore(card.element, there || null);
}

function add(order) {
  const card = new OrderCard(order, {
    opened: () => orders.complete(order.orderId).catch((problem) => card.trouble(cannot(problem))),
    cancel: () => cancel(card),
  });
  cards.set(order.orderId, card);
  if (!statuses[order.status].final) card.open();
  return card;
}

async function cancel(card) {
  const { orderId, productId, amount, currency } = card.order;
  if (!(await confirmed(`${nameOf(productId)} for ${money(amount, currency)}. Its units go back on sale at once.`))) return;
  card.busy(true);
  card.trouble("");
  try {
    const answer = await patiently(() => call("POST", `/orders/${orderId}/cancel`));
    if (answer.cancelRequested) announce("Cancellation is on its way.");
    await orders.look(orderId).catch(() => {}); // the stream tells it, if there is one
  } catch (problem) {
    card.trouble(cannot(problem));
  } finally {
    card.busy(false);
  }
}

// patiently repeats what may be repeated: cancelling twice is cancelling once.
async function patiently(work) {
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (problem) {
      if (!problem.passing || failures === cancelTries) throw problem;
      await pause(patience(problem, failures));
    }
  }
}

function confirmed(text) {
  const dialog = $("cancel-dialog");
  setText($("cancel-text"), text);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "cancel"), { once: true }));
}
