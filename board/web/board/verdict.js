// The verdict: what the whole board comes down to, in one word and a sentence.

import { clock } from "./format.js";

const $ = (id) => document.getElementById(id);

const titles = {
  connecting: "Connecting", ok: "Healthy", warning: "Needs attention", critical: "Critical",
  lost: "Connection lost", signin: "Sign in",
};

export function showHealth({ level, reasons }) {
  const [worst, ...others] = reasons;
  show(level, worst ?? "Every figure is within its limits.", others);
}

// showLost is for a stream that broke: what is on the board is history now.
export function showLost(lastAt, why) {
  const figures = lastAt ? `Last figures of ${clock(lastAt)}, reconnecting` : "No figures yet, reconnecting";
  show("lost", figures, why ? [why] : []);
}

export function showRefused(status, lastAt) {
  const who = status === 403 ? "You are signed in, but not as an operator." : "The board is for operators of the sale.";
  show("signin", lastAt ? `${who} The figures below are of ${clock(lastAt)}.` : who, []);
  $("signin").hidden = false;
}

// showNoDemo replaces the offer of a demo login where that is switched off.
export function showNoDemo() {
  show("signin", "An administrator's token is needed.", [
    "The demo login is switched off here.",
    "Send the token as the cookie access_token, or as an Authorization header added by a proxy.",
  ]);
}

function show(state, lead, others) {
  const news = document.body.dataset.state !== state || state === "signin";
  document.body.dataset.state = state;
  $("verdict").textContent = titles[state] ?? state;
  $("lead").textContent = lead;
  $("reasons").replaceChildren(...others.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  $("signin").hidden = true;
  if (!news) return; // a reason's figure moves every second; that is not worth an announcement
  $("announcement").textContent = `${titles[state] ?? state}. ${lead}`;
  document.title = state === "connecting" ? "Sale board" : `${titles[state] ?? state} – Sale board`;
}
