// The last five minutes of the charted figures, one sample per second.

export const span = 300; // seconds kept
const capacity = 330; // samples: a clock that runs fast must not fill the memory
const gap = 5; // seconds without a sample that a line must not bridge

export const total = (rates) => Object.values(rates ?? {}).reduce((sum, n) => sum + n, 0);

function sample(point) {
  const refused = point.intake?.refusedPerSecond;
  return {
    time: Date.parse(point.at) / 1000,
    orders: point.orders?.perSecond ?? null,
    p50: point.intake?.p50Ms ?? null,
    p99: point.intake?.p99Ms ?? null,
    refused: refused ?? null,
  };
}

export class History {
  #samples = [];

  // merge takes the server's own history for the time that it covers: it knows
  // what was missed here, but not what was before its process began.
  merge(points) {
    const told = points.map(sample);
    const begin = told[0]?.time ?? Infinity;
    this.#keep([...this.#samples.filter((s) => s.time < begin), ...told]);
  }

  add(point) {
    const next = sample(point);
    if (next.time <= this.#samples.at(-1)?.time) return; // repeated after a reconnect
    this.#keep([...this.#samples, next]);
  }

  // #keep forgets what is too old, or too much.
  #keep(samples) {
    const oldest = (samples.at(-1)?.time ?? 0) - span;
    this.#samples = samples.filter((s) => s.time >= oldest).slice(-capacity);
  }

  // columns returns uPlot's data: the times, then one column per figure. A
  // null between distant samples breaks the line.
  columns(...figures) {
    const rows = [];
    for (const s of this.#samples) {
      const last = rows.at(-1);
      if (last && s.time - last.time > gap) rows.push({ time: last.time + 1 });
      rows.push(s);
    }
    return [rows.map((s) => s.time), ...figures.map((name) => rows.map((s) => s[name] ?? null))];
  }

  // refusals sums the rates of each reason, which orders the reasons without
  // letting them jump from second to second.
  refusals() {
    const sums = {};
    for (const s of this.#samples) {
      for (const [reason, n] of Object.entries(s.refused ?? {})) sums[reason] = (sums[reason] ?? 0) + n;
    }
    return sums;
  }

  peak(figure) {
    return this.#samples.reduce((most, s) => Math.max(most, s[figure] ?? 0), 0);
  }
}
