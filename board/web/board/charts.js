// Charts of the last five minutes, drawn by uPlot (a global of its script).

import { clock } from "./format.js";
import { span } from "./history.js";

// Chart draws one or two figures of the history. lines: [{figure, label, ink}];
// ink names a custom property of the style sheet.
export class Chart {
  #box;
  #lines;
  #unit;
  #floor;
  #readout = Object.assign(document.createElement("p"), { className: "readout" });
  #plot = null;
  #data = null;

  // floor is the least top of the y axis, so that noise near zero stays small.
  constructor(box, { lines, unit, floor }) {
    this.#box = box;
    this.#lines = lines;
    this.#unit = unit;
    this.#floor = floor;
    box.setAttribute("role", "img");
    box.append(this.#readout);
    new ResizeObserver(() => this.rebuild()).observe(box);
  }

  draw(history) {
    this.#data = history.columns(...this.#lines.map((line) => line.figure));
    if (this.#plot) this.#plot.setData(this.#data);
    else this.rebuild();
    this.#describe(history);
  }

  // rebuild makes the chart anew where its size or the theme's colours changed.
  rebuild() {
    const { clientWidth: width, clientHeight: height } = this.#box;
    if (!this.#data || !width || !height) return;
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(width, height), this.#data, this.#box);
  }

  #describe(history) {
    const told = this.#lines.map(({ figure, label }) => `${label} at most ${history.peak(figure).toFixed(1)} ${this.#unit}`);
    this.#box.setAttribute("aria-label", `Chart of the last five minutes: ${told.join(", ")}.`);
  }

  // #tell shows the figures under the pointer, in all charts at the same time.
  #tell({ cursor: { idx, left } }) {
    const [times, ...columns] = this.#data;
    const told = columns.map((column, i) => `${this.#lines[i].label} ${column[idx]?.toFixed(1) ?? "–"}`);
    this.#readout.textContent = left < 0 || idx === null ? "" : [clock(times[idx] * 1000), ...told].join(" · ");
  }

  #options(width, height) {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const muted = this.#ink("--muted");
    const axis = { stroke: muted, font: `${0.75 * rem}px ${getComputedStyle(this.#box).fontFamily}`, ticks: { show: false } };
    return {
      width, height,
      padding: [0.5 * rem, 1.375 * rem, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: "board" } },
      hooks: { setCursor: [(plot) => this.#tell(plot)] },
      scales: {
        x: { range: (_, __, newest) => [newest - span, newest] },
        y: { range: (_, __, most) => [0, ceiling(Math.max(most ?? 0, this.#floor))] },
      },
      axes: [
        { ...axis, size: 1.5 * rem, gap: 0.25 * rem, grid: { show: false }, space: 3.5 * rem, incrs: [60, 120, 300], values: (_, times) => times.map(minute) },
        { ...axis, size: 3.25 * rem, gap: 0.5 * rem, grid: { stroke: this.#ink("--line"), width: 1 }, splits: (_, __, ___, top) => [0, top / 2, top] },
      ],
      series: [{}, ...this.#lines.map((line) => this.#series(line, rem))],
    };
  }

  #series({ ink, filled }, rem) {
    return {
      stroke: this.#ink(ink),
      width: 0.125 * rem,
      points: { show: false },
      fill: filled && ((plot) => {
        const { top, height } = plot.bbox;
        const shade = plot.ctx.createLinearGradient(0, top, 0, top + height);
        shade.addColorStop(0, this.#ink(ink, 30));
        shade.addColorStop(1, this.#ink(ink, 2));
        return shade;
      }),
    };
  }

  // #ink resolves a custom property to a colour a canvas understands; the
  // property itself may hold light-dark().
  #ink(name, percent = 100) {
    const swatch = document.createElement("i");
    swatch.style.color = `color-mix(in srgb, var(${name}) ${percent}%, transparent)`;
    this.#box.append(swatch);
    const { color } = getComputedStyle(swatch);
    swatch.remove();
    return color;
  }
}

const minute = (seconds) => new Date(seconds * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

// ceiling rounds up to 1, 2, 4, 6 or 8 times a power of ten: an axis that holds
// still while the figures move, and has a round middle.
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 4, 6, 8, 10].find((step) => step * power >= value * 1.02 || step === 10);
}
