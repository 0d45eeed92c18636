// The shelf: all products, kept up to date without hammering the service.

import { patience, request } from "./api.js";
import { everySecond, observe, until } from "./clock.js";
import { $, clear, setHidden, setText } from "./dom.js";
import { count, countdown } from "./format.js";
import { ProductCard } from "./product-card.js";

const interval = 2500; // milliseconds between looks while something can be bought
const idleInterval = 10_000; // while nothing can

const cards = new Map(); // by product id
let handlers;
let watcher;
let failures = 0;
let timer;
let asked = 0; // looks, of which
let latest = 0; // is the one that is shown

// startProducts shows the shelf. ordered is called with each order that was
// taken, shown() after each look at the products, and reached() when the
// service answers again after a failure.
export function startProducts({ ordered, shown, reached }) {
  handlers = { ordered, refresh: look };
  watcher = { shown, reached };
  everySecond(render);
  document.addEventListener("visibilitychange", () => !document.hidden && refresh());
  addEventListener("online", refresh);
  return refresh();
}

export function render() {
  cards.forEach((card) => apart(() => card.render()));
  if (cards.size) showFigures([...cards.values()]);
}

function showFigures(all) {
  const open = all.filter((card) => card.state === "open");
  const openings = all.filter((card) => card.state === "upcoming").map((card) => until(card.product.startsAt));
  setText($("units-left"), count(open.reduce((sum, card) => sum + card.product.available, 0)));
  setText($("on-sale"), count(open.length));
  setHidden($("next"), openings.length === 0);
  setText($("next-sale"), countdown(Math.min(...openings)));
}

export const cardOf = (id) => cards.get(id);
export const nameOf = (id) => cards.get(id)?.product.name || id;

// refresh reads the products now, and again after a while, unless nobody looks.
async function refresh() {
  clearTimeout(timer);
  if (!document.hidden) await look(); // and not again until somebody does
}

// look does not throw.
async function look() {
  clearTimeout(timer);
  try {
    await read();
    watcher.shown();
    if (failures > 0) watcher.reached();
    failures = 0;
    setText($("products-state"), "");
    plan(pace());
  } catch (problem) {
    failures++;
    setText($("products-state"), cards.size ? "These may be out of date. Trying again…" : "The products cannot be loaded right now. Trying again…");
    plan(patience(problem, failures));
  }
}

const pace = () => ([...cards.values()].some((card) => card.state === "open") ? interval : idleInterval);

// plan spreads the looks of many pages over time.
function plan(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(refresh, milliseconds * (0.85 + Math.random() * 0.3));
}

async function read() {
  const mine = ++asked;
  const sentAt = Date.now();
  const { products } = await request("GET", "/products");
  if (mine < latest) return; // overtaken by the answer to a later look
  latest = mine;
  if (products.length) observe(products[0].serverTime, sentAt, Date.now());
  show(products);
}

function show(products) {
  const list = $("product-list");
  clear(list);
  for (const [id, card] of cards) {
    if (!products.some((p) => p.productId === id)) {
      card.element.remove();
      cards.delete(id);
    }
  }
  for (const product of products) apart(() => put(list, product));
  setHidden($("no-products"), products.length > 0);
  render();
}

// apart keeps a product that cannot be shown from hiding the others.
function apart(showOne) {
  try {
    showOne();
  } catch (error) {
    console.error(error);
  }
}

function put(list, product) {
  const known = cards.get(product.productId);
  if (known) return known.update(product);
  const card = new ProductCard(product, handlers);
  cards.set(product.productId, card);
  list.append(card.element);
}
