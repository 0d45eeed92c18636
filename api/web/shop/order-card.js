// One order: a line with its outcome, which unfolds into its live progress.

import { drawing } from "./art.js";
import { until } from "./clock.js";
import { focusIn, part, setHidden, setText, setTone, stamp } from "./dom.js";
import { clockTime, count, countdown, inLine, moment, path, statuses } from "./format.js";
import { money } from "../money.js";

export class OrderCard {
  #steps = "";

  // opened() is called when the card is unfolded, cancel() by its button.
  constructor({ productId }, { opened, cancel }) {
    this.element = stamp("order-template");
    this.details = this.element.querySelector("details");
    this.summary = this.element.querySelector("summary");
    this.part("thumb").append(drawing(productId));
    this.part("cancel").addEventListener("click", cancel);
    this.details.addEventListener("toggle", () => this.details.open && opened());
  }

  part(name) {
    return part(this.element, name);
  }

  open() {
    this.details.open = true;
  }

  update(order, name, events) {
    this.order = order;
    const { badge, tone, final } = statuses[order.status];
    this.element.dataset.status = order.status;
    setText(this.part("name"), name);
    setText(this.part("terms"), `${together(`${count(order.quantity)} × ${money(order.unitPrice, order.currency)}`)} · ${together(moment(order.createdAt))}`);
    setText(this.part("amount"), money(order.amount, order.currency));
    setText(this.part("badge"), inLine(order).before ?? badge);
    setTone(this.part("badge"), tone);
    setText(this.part("number"), order.orderId);
    this.#showSteps(order, events);
    this.#showActions(order, final);
    if (final) this.trouble("");
    this.tick();
  }

  #showActions(order, final) {
    const pay = this.part("pay");
    const payable = order.status === "PAYMENT_PENDING" && order.paymentUrl;
    if (payable && pay.href !== order.paymentUrl) pay.href = order.paymentUrl;
    // What is hidden loses the focus to nowhere.
    if ((!payable && focusIn(pay)) || (final && focusIn(this.part("cancel")))) this.summary.focus();
    setText(pay, `Pay ${money(order.amount, order.currency)}`);
    setHidden(pay, !payable);
    setHidden(this.part("cancel"), Boolean(final));
  }

  // showSteps draws what happened, and, while all is well, what is to come.
  #showSteps(order, events) {
    const steps = stepsOf(order, events);
    const drawn = JSON.stringify(steps);
    if (drawn === this.#steps) return;
    this.#steps = drawn;
    this.part("steps").replaceChildren(...steps.map(step));
  }

  // tick turns the countdown to the payment deadline.
  tick() {
    const { status, expiresAt, updatedAt } = this.order;
    const counting = status === "PAYMENT_PENDING" && Boolean(expiresAt);
    setHidden(this.part("deadline"), !counting);
    if (!counting) return;
    const left = until(expiresAt);
    setText(this.part("deadline-text"), left > 0 ? "Time left to pay" : "The time to pay is over; the order is being closed.");
    setText(this.part("deadline-left"), left > 0 ? countdown(left) : "");
    setTone(this.part("deadline"), left < 60_000 ? "bad" : "");
    this.part("deadline-bar").value = Math.max(0, Math.min(1, left / (new Date(expiresAt) - new Date(updatedAt))));
  }

  busy(yes) {
    this.part("cancel").setAttribute("aria-disabled", String(yes));
    setText(this.part("cancel"), yes ? "Cancelling…" : "Cancel");
  }

  trouble(text) {
    setText(this.part("trouble"), text);
    setHidden(this.part("trouble"), !text);
  }
}

// together keeps a line from breaking within text.
const together = (text) => text.replaceAll(/\s/g, "\u00a0");

function stepsOf(order, events) {
  const { final } = statuses[order.status];
  const past = events.filter((e) => e.seq < order.seq).map((e) => ({ status: e.status, at: e.at, state: "done" }));
  const message = events.find((e) => e.seq === order.seq)?.message;
  const present = { status: order.status, at: order.updatedAt, state: final ? statuses[order.status].tone : "now", message: order.seq > 1 ? message : inLine(order).told };
  const ahead = final ? [] : path.slice(path.indexOf(order.status) + 1).filter((status) => order.amount || status !== "PAYMENT_PENDING").map((status) => ({ status, state: "next" }));
  return [...past, present, ...ahead];
}

function step({ status, at, state, message }) {
  const item = stamp("step-template");
  item.className = state;
  if (state === "now") item.setAttribute("aria-current", "step");
  setText(part(item, "label"), statuses[status].step);
  setText(part(item, "message"), message || "");
  setHidden(part(item, "message"), !message);
  setText(part(item, "at"), at ? clockTime(at) : "");
  return item;
}
