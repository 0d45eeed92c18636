// The tiles: the places where orders and money pile up when something is wrong.

import { count, duration } from "./format.js";
import { shortMoney } from "../money.js";
import { absence, figure, keep, known, write } from "./rows.js";

const $ = (id) => document.getElementById(id);

// of picks the figure, null where it could not be had from its backend; detail
// is the line under it.
const vitals = [
  {
    name: "Oldest pending", backend: "Postgres", of: (p) => p.orders?.oldestPendingMs, format: duration,
    detail: (ms) => (ms > 0 ? "waiting for stock" : "nobody waits"),
  },
  {
    name: "Outbox", backend: "Postgres", of: (p) => p.outbox?.rows, format: count,
    detail: (rows, p) => (rows > 0 ? `oldest ${duration(p.outbox.oldestMs ?? 0).join(" ")}` : "all is published"),
  },
  {
    name: "Line", backend: "Kafka", of: (p) => p.consumer?.lag, format: count,
    detail: (orders, p) => (orders > 0 ? waiting(p.consumer.waitMs) : "nobody waits"),
  },
  {
    name: "Open payments", backend: "Postgres", of: (p) => p.payments?.open, format: count,
    detail: (_, p) => (p.payments.openMoney ?? []).map(({ amount, currency }) => shortMoney(amount, currency)).join(" + "),
  },
  { name: "Refunds", backend: "Postgres", of: (p) => p.payments?.refunding, format: count, detail: () => "under way" },
  {
    name: "Mismatches", backend: "Postgres", of: (p) => p.payments?.mismatched, format: count,
    detail: (n) => (n > 0 ? "paid a wrong amount" : "all paid as ordered"), alarming: (n) => n > 0,
  },
  { name: "Live streams", of: (p) => p.streams, format: count, detail: () => "browsers follow" },
];

// waiting is what the last in the line is told, if it moves.
const waiting = (ms) => (ms ? `orders, about ${duration(ms).join(" ")}` : "orders wait");

export function showVitals(point) {
  keep($("vitals"), $("vital"), vitals, (vital) => vital.name, (tile, vital) => {
    const value = vital.of(point);
    const detail = known(value) ? vital.detail(value, point) : absence(point.health, vital.backend);
    write(tile.querySelector("dt"), vital.name);
    figure(tile.querySelector(".figure"), value, vital.format);
    write(tile.querySelector(".detail"), detail);
    tile.querySelector(".detail").title = detail;
    tile.classList.toggle("fault", known(value) && Boolean(vital.alarming?.(value)));
  });
}
