// Products have no pictures, so each gets one that is drawn from its id: the
// same id is the same picture, everywhere and for ever. Colours are SVG
// attributes, which the page's content security policy allows.

const width = 320;
const height = 200;
const svgNamespace = "http://www.w3.org/2000/svg";

// Each palette is a ground and four colours that look good on it.
const palettes = [
  ["#1b1a4b", "#5b4bff", "#ff7a59", "#ffd166", "#ece9ff"],
  ["#0a3d3f", "#12a594", "#f6d365", "#f08a4b", "#dff7f0"],
  ["#4b0f34", "#d9266b", "#ff8fa8", "#ffcf9c", "#ffe9ee"],
  ["#0c2a52", "#2f80ff", "#8fd0f5", "#ffb81c", "#e9f5ff"],
  ["#3a1d14", "#c8502d", "#eda45f", "#f7e3c6", "#8a9a5b"],
  ["#12382a", "#2f9e62", "#b4e197", "#ffd84d", "#eefbe6"],
  ["#2d1148", "#8a3ffc", "#ff5fa2", "#ff9f45", "#f6e8ff"],
  ["#1e2530", "#5f7087", "#ff6b5e", "#d3dae3", "#ffffff"],
];

const drawings = [tiles, orbits, hills, rays, arches];
const salt = 1494; // by which the demo's products look least alike

// drawing returns an <svg> for id, hidden from screen readers.
export function drawing(id) {
  const random = generator(hash(id) ^ salt);
  const colours = pick(random, palettes);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" });
  svg.append(shape("rect", { width, height, fill: colours[0] }), ...pick(random, drawings)(random, colours));
  return svg;
}

function shape(name, attributes) {
  const element = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const circle = (cx, cy, r, paint) => shape("circle", { cx, cy, r, ...paint });
const pick = (random, list) => list[Math.floor(random() * list.length)];

// turned begins a list somewhere else.
function turned(random, list) {
  const by = Math.floor(random() * list.length);
  return [...list.slice(by), ...list.slice(0, by)];
}

// tiles is a patchwork of quarter circles, discs and squares.
function tiles(random, [, ...colours]) {
  const size = 40;
  const backs = []; // all below the fronts, and a little too large: no seams
  const fronts = [];
  for (let x = 0; x < width; x += size) {
    for (let y = 0; y < height; y += size) {
      const [back, front] = [pick(random, colours), pick(random, colours)];
      const turn = `rotate(${90 * Math.floor(random() * 4)} ${x + size / 2} ${y + size / 2})`;
      if (random() < 0.75) backs.push(shape("rect", { x: x - 0.5, y: y - 0.5, width: size + 1, height: size + 1, fill: back }));
      fronts.push(random() < 0.7
        ? shape("path", { d: `M${x} ${y}h${size}a${size} ${size} 0 0 1 -${size} ${size}z`, fill: front, transform: turn })
        : circle(x + size / 2, y + size / 2, size / 3.2, { fill: front }));
    }
  }
  return [...backs, ...fronts];
}

// orbits is a sun with planets on their rings.
function orbits(random, [, ...colours]) {
  const [x, y] = [80 + random() * 160, 70 + random() * 70];
  const shapes = [circle(x, y, 190, { fill: colours[0], opacity: 0.25 }), circle(x, y, 120, { fill: colours[0], opacity: 0.45 })];
  for (let ring = 1; ring <= 5; ring++) {
    const [r, angle] = [22 + ring * 27, random() * 2 * Math.PI];
    shapes.push(circle(x, y, r, { fill: "none", stroke: colours[3], "stroke-opacity": 0.45, "stroke-width": 1.5 }));
    shapes.push(circle(x + r * Math.cos(angle), y + r * Math.sin(angle), 5 + random() * 10, { fill: colours[ring % 4] }));
  }
  return [...shapes, circle(x, y, 30, { fill: colours[1] }), circle(x, y, 20, { fill: colours[2] })];
}

// hills is a sun behind rolling layers.
function hills(random, [ground, ...colours]) {
  const shapes = [
    shape("rect", { width, height, fill: colours[0], opacity: 0.55 }),
    circle(60 + random() * 200, 64 + random() * 20, 34 + random() * 20, { fill: colours[2] }),
  ];
  [colours[3], colours[1], colours[0], ground].forEach((fill, layer) => {
    const [top, swing, lean] = [88 + layer * 28, 14 + random() * 26, random() < 0.5 ? -1 : 1];
    const wave = `M0 ${top}C80 ${top - lean * swing} 110 ${top - lean * swing} 160 ${top}S250 ${top + lean * swing} ${width} ${top}`;
    shapes.push(shape("path", { d: `${wave}V${height}H0z`, fill, opacity: layer === 0 ? 0.85 : 1 }));
  });
  return shapes;
}

// rays is a sunburst with a striped disc.
function rays(random, [ground, ...others]) {
  const colours = turned(random, others);
  const [x, y, wedges] = [90 + random() * 140, 80 + random() * 60, 16 + 4 * Math.floor(random() * 4)];
  const point = (i) => `${x + 400 * Math.cos((i * 2 * Math.PI) / wedges)} ${y + 400 * Math.sin((i * 2 * Math.PI) / wedges)}`;
  const shapes = [];
  for (let i = 0; i < wedges; i += 2) {
    shapes.push(shape("path", { d: `M${x} ${y}L${point(i)}L${point(i + 1)}z`, fill: colours[0], opacity: 0.8 }));
  }
  shapes.push(circle(x, y, 74, { fill: colours[1] }), circle(x, y, 56, { fill: colours[2] }), circle(x, y, 38, { fill: colours[3] }));
  return [...shapes, circle(x, y, 20, { fill: ground })];
}

// arches is a row of rainbows, some of them upside down.
function arches(random, [ground, ...others]) {
  const colours = turned(random, others);
  const shapes = [];
  for (let x = 40; x < width; x += 80) {
    for (const y of [100, 200]) {
      const down = random() < 0.4;
      const bands = [40, 31, 22, 13].map((r, band) => shape("path", {
        d: `M${x - r} ${y + 0.5}v-60.5a${r} ${r} 0 0 1 ${2 * r} 0v60.5z`,
        fill: band === 3 ? ground : colours[band],
      }));
      const group = shape("g", down ? { transform: `rotate(180 ${x} ${y - 50})` } : {});
      group.append(...bands);
      shapes.push(group);
    }
  }
  return shapes;
}

// hash is FNV-1a, and generator mulberry32: small, and good enough to draw by.
function hash(text) {
  let h = 0x811c9dc5;
  for (const character of text) h = Math.imul(h ^ character.codePointAt(0), 0x01000193);
  return h >>> 0;
}

function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
