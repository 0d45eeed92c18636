// The sale board: points come in by the stream, and at most once a second the
// latest one is painted, while somebody can see it.

import { Chart } from "./charts.js";
import { clock } from "./format.js";
import { History } from "./history.js";
import { showFunnel, showLatency, showOrders, showRefusals } from "./panels.js";
import { showStock } from "./stock.js";
import { follow } from "./stream.js";
import { showHealth, showLost, showNoDemo, showRefused } from "./verdict.js";
import { showVitals } from "./vitals.js";
import { fullScreen, theme } from "./wall.js";

const $ = (id) => document.getElementById(id);
const paintEvery = 1_000; // ms

const history = new History();
const charts = [
  new Chart($("orders-chart"), { unit: "a second", floor: 2, lines: [{ figure: "orders", label: "orders", ink: "--accent", filled: true }] }),
  new Chart($("latency-chart"), {
    unit: "ms", floor: 5,
    lines: [{ figure: "p99", label: "p99", ink: "--accent", filled: true }, { figure: "p50", label: "p50", ink: "--muted" }],
  }),
];
const panels = [showOrders, showLatency, showRefusals, showFunnel, showStock, showVitals];

let latest = { health: null }; // the last point; at first, one without figures
let live = false; // whether latest is what is true now
let paintedAt = 0;
let pending = 0;

// schedule asks for a painting. A hidden page gets no animation frame, and so
// is painted when it is seen again.
function schedule() {
  if (pending) return;
  const wait = Math.max(0, paintedAt + paintEvery - performance.now());
  pending = setTimeout(() => requestAnimationFrame(paint), wait);
}

function paint(now) {
  pending = 0;
  paintedAt = now;
  apart(panels, (show) => show(latest, history));
  if (!latest.at) return;
  apart(charts, (chart) => chart.draw(history));
  if (live) showHealth(latest.health);
  $("clock").textContent = clock(latest.at);
  $("clock").dateTime = latest.at;
  $("process").textContent = latest.process;
}

// apart shows each part, so that one which cannot show a point (of another version
// of the service, say) does not leave those after it with figures of long ago under
// a verdict of now. The browser's console has what went wrong.
function apart(parts, show) {
  for (const part of parts) {
    try {
      show(part);
    } catch (error) {
      reportError(error);
    }
  }
}

function goStale(label) {
  live = false;
  $("link").textContent = label;
}

const stream = follow("/board/events", {
  history: (points) => history.merge(points),
  point(point) {
    latest = point;
    live = true;
    history.add(point);
    $("link").textContent = "Live";
    schedule();
  },
  lost(why) {
    goStale("Reconnecting");
    showLost(latest.at, why);
  },
  refused(status) {
    goStale("Signed out");
    showRefused(status, latest.at);
  },
});

$("signin").addEventListener("click", async () => {
  const response = await fetch("/dev/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ userId: "operator", admin: true }),
  }).catch(() => null);
  if (response?.status === 404) showNoDemo();
  else stream.open();
});

paint(-paintEvery); // the empty board has the size of the full one
theme($("theme"), () => charts.forEach((chart) => chart.rebuild()));
fullScreen($("fullscreen"));
