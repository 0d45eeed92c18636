// Sending an order so that it is one order, however often it is sent.
//
// An attempt is a body and the Idempotency-Key it is sent with. It is written
// down before it is sent and struck out when its fate is known, so that a
// retry, a second click and a reload all send the same key again.

import { pause, patience, Problem } from "./api.js";
import { buyer, call } from "./session.js";
import { ofThisTab } from "./storage.js";

const store = "shop.attempts"; // of this tab
const life = 120_000; // milliseconds; nobody expects an older click to buy still

const read = () => (JSON.parse(ofThisTab.get(store)) || [])
  .filter((a) => a.userId === buyer() && Date.now() - a.at < life);
const write = (attempts) => ofThisTab.set(store, JSON.stringify(attempts));

const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

const same = (a, b) => a.productId === b.productId && a.quantity === b.quantity && a.unitPrice === b.unitPrice;

// attempt returns the unfinished one for body, or else a new one.
export function attempt(body) {
  const known = read().find((a) => same(a.body, body));
  if (known) return known;
  const made = { key: randomKey(), body, userId: buyer(), at: Date.now() };
  write([...read(), made]);
  return made;
}

// unfinished are the attempts that a reload interrupted.
export const unfinished = () => read().filter((a) => !a.stopped);

const finish = ({ key }) => write(read().filter((a) => a.key !== key));

// keep holds on to a key from now on, also where its click was long ago.
const keep = (made) => write([...read().filter((a) => a.key !== made.key), { ...made, at: Date.now() }]);

// stop keeps the key: should the buyer press Buy once more, it may be that the
// order was taken before. Nobody but the buyer sends it again.
const stop = (made) => keep({ ...made, stopped: true });

// place sends an attempt until it is answered with an order, which it returns,
// or refused for good: then it throws the Problem. Meanwhile it calls
// waiting(problem, seconds) once a second. Aborting signal ends it, and so does
// a long sleep of the page: its buyer has gone on to something else.
export async function place(made, waiting, signal) {
  signal.addEventListener("abort", () => stop(made), { once: true });
  for (let failures = 0; ; failures++) {
    const begun = Date.now();
    keep({ ...made, stopped: false });
    try {
      const accepted = await call("POST", "/orders", { body: made.body, headers: { "Idempotency-Key": made.key }, signal });
      finish(made);
      return accepted;
    } catch (problem) {
      if (problem.settled) finish(made);
      else if (!problem.passing) stop(made);
      if (!problem.passing) throw problem;
      const wait = patience(problem, failures);
      await sitOut(problem, wait, waiting, signal);
      if (Date.now() - begun < wait + life) continue;
      stop(made);
      throw new Problem({ code: "overslept" });
    }
  }
}

async function sitOut(problem, milliseconds, waiting, signal) {
  const end = Date.now() + milliseconds;
  for (let left = milliseconds; left > 50; left = end - Date.now()) {
    waiting(problem, Math.ceil(left / 1000));
    const offline = !navigator.onLine;
    await pause(Math.min(left, 1000), signal);
    if (offline && navigator.onLine) break; // back again: no reason to wait on
  }
  waiting(problem, 0);
}
