// The buyer's orders as this page knows them: pages of GET /orders, kept up to
// date by progress events. An order never goes back: of two views of it, the
// one with the greater seq is right.

import { now } from "./clock.js";
import { statuses } from "./format.js";
import { call } from "./session.js";

const pageSize = 10;
const shortestLook = 2500; // milliseconds between two looks at an order's place in the line
const longestLook = 10_000;
const gathering = 150; // milliseconds in which unknown orders share one look

// unlessPassing lets go of what no other try would bring.
function unlessPassing(problem) {
  if (problem.passing) throw problem;
}

export class Orders {
  #byId = new Map();
  #timelines = new Map(); // order id → Map of seq → {seq, status, message, at}
  #completing = new Set(); // ids of orders whose timeline is being read
  #gather;
  #looks = new Map(); // order id → when its place was asked for last
  #paged = false; // whether cursor says how far was read
  filter = "";
  cursor = null; // of the page after those that were read; null: there is none

  // changed(order, previous) is called after each change; with nothing when
  // many may have changed.
  constructor(changed) {
    this.changed = changed;
  }

  // list is what the filter lets through, newest first: ids sort by creation.
  get list() {
    return [...this.#byId.values()]
      .filter((o) => !this.filter || o.status === this.filter)
      .sort((a, b) => (a.orderId < b.orderId ? 1 : -1));
  }

  // loaded is whether anything is known yet.
  get loaded() {
    return this.#paged || this.#byId.size > 0;
  }

  get awaitingPayment() {
    return [...this.#byId.values()].filter((o) => o.status === "PAYMENT_PENDING").length;
  }

  get(id) {
    return this.#byId.get(id);
  }

  // load reads the newest page, and each order that is not on it and was on its
  // way when it was heard of last; more reads the page after, find one order.
  async load() {
    const { filter } = this;
    const { orders, nextCursor } = await this.#page();
    orders.forEach((o) => this.#keep(o));
    if (!this.#paged && filter === this.filter) {
      this.cursor = nextCursor || null;
      this.#paged = true; // looking again must not forget how far was read
    }
    this.changed();
    const rest = [...this.#byId.values()].filter((o) => !statuses[o.status].final && !orders.some((read) => read.orderId === o.orderId));
    for (const { orderId } of rest) await this.look(orderId).catch(unlessPassing);
  }

  // look reads one order anew.
  async look(id) {
    await this.#read(id);
    this.changed(this.#byId.get(id));
  }

  async choose(filter) {
    this.filter = filter;
    this.cursor = null;
    this.#paged = false;
    this.changed();
    await this.load();
  }

  async more() {
    const { filter } = this;
    const { orders, nextCursor } = await this.#page(this.cursor);
    orders.forEach((o) => this.#keep(o));
    if (filter === this.filter) this.cursor = nextCursor || null;
    this.changed();
  }

  async find(id) {
    if (!this.#byId.has(id)) await this.#read(id);
    this.changed();
    return this.#byId.get(id);
  }

  async #read(id) {
    this.#keep(await call("GET", `/orders/${id}`));
  }

  #page(cursor) {
    const query = new URLSearchParams({ limit: pageSize });
    if (this.filter) query.set("status", this.filter);
    if (cursor) query.set("cursor", cursor);
    return call("GET", `/orders?${query}`);
  }

  #keep(order) {
    const known = this.#byId.get(order.orderId);
    if (!known || known.seq <= order.seq) this.#byId.set(order.orderId, { ...known, ...order });
  }

  // add shows an order that was accepted just now, before anything else tells.
  add({ orderId, status }, { productId, quantity, unitPrice }, currency) {
    if (!this.#byId.has(orderId)) {
      const createdAt = new Date(now()).toISOString();
      this.#timeline(orderId).set(1, { seq: 1, status, at: createdAt });
      this.#byId.set(orderId, {
        orderId, status, seq: 1, productId, quantity, unitPrice, amount: unitPrice * quantity, currency, createdAt, updatedAt: createdAt,
      });
    }
    this.changed(this.#byId.get(orderId));
  }

  // progress takes an event of the stream. One of an order that is not here
  // (another tab's, say) has the newest page read, once for all of them.
  progress({ orderId, seq, status, message, reason, paymentUrl, expiresAt, occurredAt }) {
    const known = this.#byId.get(orderId);
    if (!known) return this.#gatherUnknown();
    this.#timeline(orderId).set(seq, { seq, status, message, at: occurredAt });
    if (seq < known.seq) return;
    const previous = known.status;
    Object.assign(known, { seq, status, paymentUrl, expiresAt, updatedAt: occurredAt });
    if (reason) known.failureReason = reason;
    this.changed(known, previous);
  }

  // position keeps an order's place in the line. Another process may see the
  // line a moment older: nobody is sent back in it.
  position({ orderId, position, estimatedSeconds }) {
    const known = this.#byId.get(orderId);
    if (known?.status !== "PENDING" || position === undefined || position > known.position) return;
    Object.assign(known, { position, estimatedSeconds });
    this.changed(known, known.status);
  }

  // lookAhead, called every second, asks where in the line those orders are that
  // wait. The stream tells it of the orders that were there when it was opened.
  lookAhead() {
    if (document.hidden) return;
    for (const order of this.#byId.values()) {
      if (order.status !== "PENDING" || now() < this.#nextLook(order)) continue;
      this.#looks.set(order.orderId, now());
      call("GET", `/orders/${order.orderId}`).then((seen) => this.position(seen), () => {}); // the next second asks again
    }
  }

  // nextLook is sooner where the line is short, and never for all buyers at once.
  #nextLook({ orderId, createdAt, estimatedSeconds = 0 }) {
    const looked = this.#looks.get(orderId);
    if (!looked) return +new Date(createdAt) + shortestLook;
    return looked + Math.max(shortestLook, Math.min(longestLook, estimatedSeconds * 100)) * (0.8 + Math.random() * 0.4);
  }

  #gatherUnknown() {
    clearTimeout(this.#gather);
    this.#gather = setTimeout(() => this.load().catch(() => {}), gathering); // the next connect looks again
  }

  #timeline(id) {
    if (!this.#timelines.has(id)) this.#timelines.set(id, new Map());
    return this.#timelines.get(id);
  }

  // events are the steps of an order that are known here, in their order.
  events(id) {
    return [...this.#timeline(id).values()].sort((a, b) => a.seq - b.seq);
  }

  // complete reads the steps that the stream did not bring, if there are any.
  async complete(id) {
    const order = this.#byId.get(id);
    if (!order || this.#timeline(id).size >= order.seq || this.#completing.has(id)) return;
    this.#completing.add(id);
    try {
      const { events } = await call("GET", `/orders/${id}/timeline`);
      for (const event of events) this.#timeline(id).set(event.seq, event);
    } finally {
      this.#completing.delete(id);
    }
    this.changed(order);
  }
}
