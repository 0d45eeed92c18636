// The demo page: sign in, buy, watch the order. It uses nothing but the public API.
"use strict";

const $ = (id) => document.getElementById(id);
const finalStatuses = { CONFIRMED: "good", FAILED: "bad", CANCELLED: "bad" };
const labels = {
  PENDING: "processing", INVENTORY_RESERVED: "reserved", PAYMENT_PENDING: "awaiting payment",
  CONFIRMED: "confirmed", FAILED: "failed", CANCELLED: "cancelled",
};

let session = null; // {accessToken, userId, expiresAt}
let watching = null; // {id, source, lost, events: Map(seq → event), clock}

/* ---- the API ---- */

class Problem extends Error {
  constructor(details, retryAfter) {
    const fields = (details.errors || []).map((e) => `${e.field} ${e.message}`).join("; ");
    super(fields || details.detail || details.title);
    this.code = details.code;
    this.retryAfter = retryAfter;
  }
}

async function api(method, path, body, headers = {}) {
  if (session) headers.Authorization = `Bearer ${session.accessToken}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (response.ok) return response.json();
  const details = await response.json().catch(() => ({ title: `The service answered ${response.status}.` }));
  throw new Problem(details, Number(response.headers.get("Retry-After")) || 1);
}

const sleep = (seconds) => new Promise((wake) => setTimeout(wake, seconds * 1000));

// repeat tries again what the service refused only for the moment. The same
// Idempotency-Key makes sure that it is one order however often it is sent.
async function repeat(times, request) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (problem) {
      const passing = ["overloaded", "unavailable", "rate-limited"].includes(problem.code) || problem instanceof TypeError;
      if (!passing || attempt === times) throw problem;
      await sleep(problem.retryAfter || 1);
    }
  }
}

const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

/* ---- sign in ---- */

async function signIn() {
  const kept = JSON.parse(sessionStorage.getItem("session") || "null");
  try {
    session = kept && new Date(kept.expiresAt) - Date.now() > 60_000 ? kept : await api("POST", "/dev/login", kept ? { userId: kept.userId } : {});
    sessionStorage.setItem("session", JSON.stringify(session));
    $("user").textContent = `Signed in as ${session.userId}`;
  } catch (problem) {
    $("user").textContent = "Not signed in";
    if (problem.code === "not-found") notice("The demo sign-in is off (DEV_LOGIN), so this page can only show products.");
    else notice(`Signing in failed: ${problem.message}`);
  }
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

/* ---- products ---- */

function money(minor, currency) {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

async function showProducts() {
  const { products } = await api("GET", "/products");
  $("products-empty").hidden = products.length > 0;
  $("products-empty").textContent = "There are no products yet. An administrator adds them with PUT /admin/products/{id}.";
  const list = $("products");
  for (const item of [...list.children]) {
    if (!products.some((p) => p.productId === item.dataset.id)) item.remove();
  }
  for (const product of products) showProduct(list, product);
}

function showProduct(list, p) {
  let item = [...list.children].find((i) => i.dataset.id === p.productId);
  if (!item) {
    item = $("product-template").content.firstElementChild.cloneNode(true);
    item.dataset.id = p.productId;
    item.querySelector("[data-buy]").addEventListener("submit", buy);
    list.append(item);
  }
  item.product = p;
  const part = (name) => item.querySelector(`[data-${name}]`);
  const open = p.state === "open";
  part("name").textContent = p.name;
  part("price").textContent = money(p.unitPrice, p.currency);
  part("state").textContent = p.state.replace("-", " ");
  part("state").className = `badge ${open ? "good" : ""}`;
  part("stock").textContent = stockLine(p);
  part("buy").hidden = !open || !session;
}

function stockLine(p) {
  if (p.state === "upcoming") return `Starts ${new Date(p.startsAt).toLocaleString()}`;
  if (p.state === "closed") return `Ended ${new Date(p.endsAt).toLocaleString()}`;
  if (p.state === "sold-out") return "No units left";
  return `${p.available.toLocaleString()} left`;
}

async function buy(event) {
  event.preventDefault();
  const form = event.target;
  const { product } = form.closest("li");
  const button = form.querySelector("button");
  const body = { productId: product.productId, quantity: Number(form.quantity.value), unitPrice: product.unitPrice };
  const headers = { "Idempotency-Key": randomKey() };
  button.disabled = true;
  notice("");
  try {
    const { orderId } = await repeat(4, () => api("POST", "/orders", body, headers));
    await watch(orderId);
    $("order").scrollIntoView({ behavior: "smooth" });
  } catch (problem) {
    notice(problem.message);
  } finally {
    button.disabled = false;
  }
}

/* ---- the order ---- */

// watch shows an order's history and then its live progress. Events are kept
// by seq, so it does not matter that both bring some of them.
async function watch(id) {
  stopWatching();
  watching = { id, events: new Map() };
  const current = watching;
  history.replaceState(null, "", `/?order=${encodeURIComponent(id)}`);
  const [details, past] = await Promise.all([api("GET", `/orders/${id}`), api("GET", `/orders/${id}/timeline`)]);
  if (watching !== current) return;
  $("order").hidden = false;
  $("order-summary").textContent = `${details.quantity} × ${details.productId} · ${money(details.amount, details.currency)}`;
  for (const e of past.events) current.events.set(e.seq, { ...e, occurredAt: e.at });
  current.events.set(details.seq, { ...current.events.get(details.seq), paymentUrl: details.paymentUrl, expiresAt: details.expiresAt });
  showOrder();

  current.source = new EventSource(`/orders/${id}/events`);
  current.source.addEventListener("progress", (message) => {
    const e = JSON.parse(message.data);
    current.events.set(e.seq, e);
    showOrder();
  });
  current.source.addEventListener("reset", () => current.events.clear());
  current.source.onerror = () => { current.lost = true; live(); };
  current.source.onopen = () => { current.lost = false; live(); };
  current.clock = setInterval(live, 1000);
}

function stopWatching() {
  watching?.source?.close();
  clearInterval(watching?.clock);
  watching = null;
}

const latest = () => watching.events.get(Math.max(...watching.events.keys()));

function showOrder() {
  const now = latest();
  const ended = finalStatuses[now.status];
  if (ended) watching.source?.close();
  $("order-status").textContent = labels[now.status];
  $("order-status").className = `badge ${ended || "busy"}`;
  $("timeline").replaceChildren(...[...watching.events.values()].sort((a, b) => a.seq - b.seq).map(eventLine));
  $("pay").hidden = now.status !== "PAYMENT_PENDING" || !now.paymentUrl;
  if (now.paymentUrl) $("pay").href = now.paymentUrl;
  $("cancel").hidden = Boolean(ended);
  $("cancel").disabled = false;
  $("close").hidden = !ended;
  live();
}

function eventLine(e) {
  const line = $("event-template").content.firstElementChild.cloneNode(true);
  line.className = finalStatuses[e.status] || "";
  line.querySelector("[data-message]").textContent = e.message;
  line.querySelector("[data-at]").textContent = new Date(e.occurredAt).toLocaleTimeString();
  return line;
}

// live says how much time is left to pay, or that the stream is interrupted.
function live() {
  if (!watching || watching.events.size === 0) return;
  const now = latest();
  const left = now.expiresAt ? Math.max(0, Math.round((new Date(now.expiresAt) - Date.now()) / 1000)) : 0;
  let text = "";
  if (now.status === "PAYMENT_PENDING" && left > 0) text = `Time left to pay: ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (!finalStatuses[now.status] && watching.lost) text = "The connection was lost. Reconnecting…";
  $("order-live").textContent = text;
}

async function cancel() {
  $("cancel").disabled = true;
  notice("");
  try {
    await api("POST", `/orders/${watching.id}/cancel`);
  } catch (problem) {
    notice(problem.message);
    $("cancel").disabled = false;
  }
}

function closeOrder() {
  stopWatching();
  $("order").hidden = true;
  history.replaceState(null, "", "/");
}

/* ---- start ---- */

async function poll() {
  try {
    if (!document.hidden) await showProducts();
  } catch (problem) {
    $("products-empty").hidden = $("products").children.length > 0;
    $("products-empty").textContent = "The products cannot be loaded right now.";
  }
  setTimeout(poll, 2000);
}

async function start() {
  $("cancel").addEventListener("click", cancel);
  $("close").addEventListener("click", closeOrder);
  await signIn();
  poll();
  const id = new URLSearchParams(location.search).get("order");
  if (id && session) watch(id).catch((problem) => { closeOrder(); notice(problem.message); });
}

start();
