// The panels of rates and of the orders' way to their end.

import { count, duration, rate, share } from "./format.js";
import { total } from "./history.js";
import { absence, figure, keep, known, write } from "./rows.js";

const $ = (id) => document.getElementById(id);

export function showOrders({ orders, health }, history) {
  figure($("orders-rate"), orders?.perSecond, rate);
  write($("orders-note"), known(orders?.perSecond) ? `peak ${rate(history.peak("orders"))} in five minutes` : absence(health, "Postgres"));
}

export function showLatency({ intake }) {
  figure($("p99"), intake?.p99Ms, duration);
  figure($("p50"), intake?.p50Ms, duration);
  write($("latency-note"), latencyNote(intake));
}

function latencyNote(intake) {
  if (!intake) return "";
  if (!known(intake.p99Ms)) return "Unavailable: no order was taken lately.";
  return `${rate(intake.perSecond ?? 0)} a second taken by this process`;
}

// ownFault are refusals that are the service's doing, not the sale's rules.
const ownFault = new Set(["overloaded", "unavailable", "price-unavailable", "internal"]);
const shownReasons = 5;

export function showRefusals({ intake }, history) {
  const rates = intake?.refusedPerSecond ?? {};
  figure($("refused-rate"), intake?.refusedPerSecond && total(rates), rate);
  write($("refusals-note"), refusalsNote(intake));
  const weight = history.refusals();
  const reasons = Object.keys(rates).sort((a, b) => (weight[b] ?? 0) - (weight[a] ?? 0) || a.localeCompare(b));
  const most = Math.max(1, ...Object.values(rates));
  keep($("refusals"), $("meter"), reasons.slice(0, shownReasons), (reason) => reason, (row, reason) => {
    meter(row, { name: reason.replaceAll("-", " "), part: rates[reason] / most, value: rates[reason], format: rate });
    row.classList.toggle("fault", ownFault.has(reason) && rates[reason] > 0);
  });
}

function refusalsNote(intake) {
  if (!intake) return "";
  if (!intake.refusedPerSecond) return "unavailable";
  return total(intake.refusedPerSecond) > 0 ? "" : "nothing refused";
}

const statuses = [
  ["PENDING", "pending"], ["INVENTORY_RESERVED", "stock reserved"], ["PAYMENT_PENDING", "awaiting payment"],
  ["CONFIRMED", "confirmed"], ["FAILED", "failed"], ["CANCELLED", "cancelled"],
];

export function showFunnel({ orders, health }) {
  const byStatus = orders?.byStatus;
  const all = byStatus && total(byStatus);
  figure($("orders-total"), all, count);
  write($("funnel-note"), byStatus ? "" : absence(health, "Postgres"));
  keep($("funnel"), $("meter"), statuses, ([status]) => status, (row, [status, name]) => {
    const value = byStatus?.[status];
    meter(row, { name, part: all ? value / all : 0, value, format: count });
    row.title = known(value) ? share(value, all) : "";
  });
}

function meter(row, { name, part, value, format }) {
  write(row.querySelector(".name"), name);
  row.querySelector(".track i").style.width = `${100 * part}%`;
  figure(row.querySelector(".figure"), value, format);
}
