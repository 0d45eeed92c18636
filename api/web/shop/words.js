// What the service refuses, in words for buyers. Codes are those of its
// problem details; "network" is ours, for no answer at all.

import { count } from "./format.js";
import { money } from "../money.js";

const refusals = {
  "sold-out": (product, quantity) => product.available > 0 && product.available < quantity
    ? ["Not enough left", `You asked for ${count(quantity)}, and there are only ${count(product.available)}. Take fewer?`]
    : ["Just sold out", "Someone was faster. Units of cancelled and unpaid orders come back, so keep an eye on it."],
  "purchase-limit": () => ["That is your limit", "To be fair to everyone, one buyer gets only so many of these. Your open orders count, too."],
  "sale-closed": (product) => product.state === "upcoming"
    ? ["Not open yet", "The sale has not begun. Buy opens by itself when it does."]
    : ["The sale is over", "This one can no longer be ordered."],
  "price-unavailable": () => ["No price right now", "The shop is just getting its prices back. Try again in a moment; nothing was ordered."],
  "price-changed": (product, _, asked) => ["The price has changed", product.unitPrice === asked
    ? "The new one shows up here in a moment. Nothing was ordered."
    : `It is ${money(product.unitPrice, product.currency)} now. Nothing was ordered.`],
  unauthenticated: () => ["You are signed out", "Reload the page to sign in again. Nothing was ordered."],
  overslept: () => ["Still want it?", "This page slept for a while and does not order by itself any more. Should the order have got through before, it is among your orders."],
  forbidden: () => ["Not for this account", "Your account may not buy here."],
};

const waits = {
  "rate-limited": "You are quicker than we can count.",
  overloaded: "Everyone is buying at this very moment.",
  unavailable: "The shop is catching its breath.",
  "outcome-unknown": "The shop does not know yet whether it has your order.",
  "request-timeout": "Your request was slow to arrive.",
  network: "The shop cannot be reached.",
};

// refused says why an order was not taken: [title, text].
export function refused(problem, product, { quantity, unitPrice }) {
  const words = refusals[problem.code];
  return words ? words(product, quantity, unitPrice) : ["That did not work", problem.message];
}

// waiting says why an order is taken later, and that it happens by itself; and
// apart from it when, which no screen reader wants to tell each second.
export function waiting(problem, seconds) {
  const reason = navigator.onLine ? waits[problem.code] || "One moment." : "You are offline.";
  return [reason, "Trying again, as one and the same order.", seconds > 0 ? `Next in ${seconds} s.` : ""];
}

// cannot says why something else than an order did not work.
export function cannot(problem) {
  if (problem.code === "not-cancellable") return "Too late to cancel: the order has already ended.";
  return waits[problem.code] ? `${waits[problem.code]} Please try again in a moment.` : problem.message;
}
