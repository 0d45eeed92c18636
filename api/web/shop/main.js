// The shop page. It uses nothing but the public API.

import { patience, pause } from "./api.js";
import { $, announce, clear, setHidden, setText, toast } from "./dom.js";
import { attempt, orders, render as renderOrders, showOrder, startOrderList } from "./order-list.js";
import { cardOf, render as renderProducts, startProducts } from "./products.js";
import { unfinished } from "./purchase.js";
import { becomeSomeoneElse, followOtherTabs, signIn, token } from "./session.js";
import { follow } from "./stream.js";

const states = {
  connecting: ["Connecting"],
  live: ["Live"],
  lost: ["Retrying", "The connection was lost. Reconnecting by itself; your orders are safe."],
  offline: ["Offline", "You are offline. Your orders are safe; this page catches up as soon as you are back."],
  resting: ["Paused"],
  browsing: ["Browsing"],
};

let stream;
let interrupted = false;
let behind = false; // the orders are being read again

// showState says how this page stands with the service.
function showState(state) {
  const [text, explanation] = states[state];
  $("live").dataset.state = state;
  setText($("live-text"), text);
  if (explanation) {
    interrupted = true;
    toast(explanation);
  }
  if (state === "live" && !behind) catchUp();
  if (state === "lost") orders.load().catch(() => {}); // what no stream tells; the next try looks again
}

// catchUp reads what changed longer ago than the stream tells, and then says
// that the page is back.
async function catchUp() {
  behind = true;
  for (let failures = 0; behind; failures++) {
    try {
      await orders.load();
      behind = false;
    } catch (problem) {
      await pause(patience(problem, failures));
    }
  }
  if (interrupted && $("live").dataset.state === "live") {
    interrupted = false;
    toast("Back again. Everything is up to date.", 4000);
  }
}

// ordered leaves alone who has gone on to another product meanwhile.
function ordered(accepted, body, product, here) {
  orders.add(accepted, body, product.currency);
  if (here) showOrder(accepted.orderId);
  else announce(`${product.name}: ordered.`);
}

// signedIn keeps trying: a server that is restarting is back in a moment.
async function signedIn() {
  for (let failures = 0; ; failures++) {
    try {
      return await signIn();
    } catch (problem) {
      setText($("buyer"), problem.passing ? "Signing in, trying again…" : "Signing in failed, trying again…");
      showState(navigator.onLine ? "lost" : "offline");
      await pause(patience(problem, failures));
    }
  }
}

function onlyBrowse() {
  showState("browsing");
  renderProducts();
  clear($("order-list"));
  setHidden($("buyer").parentElement, true);
  setHidden($("no-orders"), true);
  setHidden($("order-filter").parentElement, true);
  setHidden($("no-login"), false);
}

function welcome(name) {
  setText($("buyer"), `You are ${name}`);
  setHidden($("new-buyer"), false);
  $("new-buyer").addEventListener("click", () => attempt(becomeSomeoneElse()));
  followOtherTabs();
  startOrderList();
  stream = follow({ progress: (event) => orders.progress(event), position: (event) => orders.position(event), changed: showState, token, renew: signIn });
}

// resume finishes what a reload interrupted.
function resume() {
  for (const made of unfinished()) cardOf(made.body.productId)?.send(made);
}

// returned shows the order that the payment page sends its buyer back to.
async function returned() {
  const id = new URLSearchParams(location.search).get("order");
  if (!id) return;
  history.replaceState(null, "", "/");
  await orders.find(id).then(() => showOrder(id), () => {}); // someone else's, or gone: the list says the rest
}

async function start() {
  const shelf = startProducts({ ordered, shown: renderOrders, reached: () => stream?.reopen() });
  const name = await signedIn();
  if (name === null) return onlyBrowse();
  welcome(name);
  await shelf;
  renderProducts(); // they can be bought now
  resume();
  await returned();
}

start();
