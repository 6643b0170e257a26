// Strips of live numbers: the value of each frame, its mean and error since the last touch, and the law where it is known.

import { element, penOf, short } from "../../viewing/client/elements.js";

const VALUES = 600; // values
const LEFT_OF_STRIP = 50;
const EVERY = 200; // ms between two pictures
const INKS = { light: { line: "#22223b", mean: "#c2410c", law: "#0072b2", touch: "#dcdce4", words: "#5c5c6a" }, dark: { line: "#d8d8e4", mean: "#ff8a4c", law: "#56b4e9", touch: "#3c3d4a", words: "#a8a8b6" } };

export class LiveNumbers {
  constructor(root) {
    this.root = root;
    this.strips = new Map(); // name -> {root, canvas, value, law, values: [[step, value, touches]]}
    this.dark = false;
    this.drawn = 0;
    new ResizeObserver(() => this.draw(true)).observe(root);
  }

  /** Which there are. */
  show(numbers) {
    const before = this.strips;
    this.strips = new Map(numbers.map((number) => [number.name, before.get(number.name) ?? stripOf(number)]));
    for (const { name, label, unit, law } of numbers) {
      const strip = this.strips.get(name);
      Object.assign(strip, { law, label: unit && unit !== "1" ? `${label} [${unit}]` : label });
      strip.name.textContent = strip.label;
      strip.name.title = strip.label;
    }
    if ([...before.keys()].join() !== [...this.strips.keys()].join()) this.root.replaceChildren(...[...this.strips.values()].map((strip) => strip.root));
    this.root.hidden = !numbers.length;
  }

  /** Takes the numbers of a frame. */
  take({ step, touches, numbers }) {
    for (const [name, strip] of this.strips) {
      const now = numbers[name];
      const { values } = strip;
      const isSame = now && strip.now && now.value === strip.now.value && now.mean === strip.now.mean && step > (values[values.length - 1]?.[0] ?? -1);
      if (!now || isSame) continue; // numbers are taken less often than frames
      while (values.length && values[values.length - 1][0] >= step) values.pop(); // undone, or the same step
      values.push([step, now.value, touches]);
      if (values.length > VALUES) values.shift();
      strip.now = now;
    }
    this.draw();
  }

  draw(must = false) {
    const now = performance.now();
    if (!must && now - this.drawn < EVERY) {
      this.later = this.later ?? setTimeout(() => ((this.later = null), this.draw()), EVERY);
      return;
    }
    this.drawn = now;
    for (const strip of this.strips.values()) this.drawStrip(strip);
  }

  drawStrip(strip) {
    const { canvas, now, law, values } = strip;
    strip.value.textContent = wordsOfNumber(now, law);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    const pen = penOf(canvas, width, height, Math.min(window.devicePixelRatio || 1, 2));
    const known = values.filter(([, value]) => value !== null);
    if (!known.length) return;
    const ink = INKS[this.dark ? "dark" : "light"];
    const heights = known.map(([, value]) => value);
    const [low, high] = endsOf([...heights, ...(law === null || law === undefined ? [] : [law])]);
    const [first, last] = [known[0][0], known[known.length - 1][0]];
    const x = (step) => LEFT_OF_STRIP + ((step - first) / Math.max(last - first, 1)) * (width - LEFT_OF_STRIP - 6);
    const y = (value) => 5 + (1 - (value - low) / (high - low)) * (height - 10);
    pen.font = "10px system-ui, sans-serif";
    pen.fillStyle = ink.words;
    pen.fillText(short(high), 2, 12);
    pen.fillText(short(low), 2, height - 3);
    const since = drawTouches(pen, known, x, height, ink);
    if (law !== null && law !== undefined) drawLevel(pen, x(first), x(last), y(law), ink.law, [5, 4]);
    drawValues(pen, known, x, y, ink.line);
    if (now?.mean !== null && now?.mean !== undefined) drawMean(pen, now, x(since), x(last), y, ink.mean);
  }
}

function stripOf({ name }) {
  const canvas = element("canvas", { class: "strip", role: "img", "aria-label": `${name} over the steps` });
  const [value, words] = [element("output", {}), element("span", { class: "name" })];
  return { root: element("div", { class: "observable", "data-name": name }, element("div", { class: "row" }, words, value), canvas), canvas, name: words, value, values: [], now: null, law: null };
}

/** Ends with some room. */
function endsOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = high > low ? 0.05 * (high - low) : Math.max(Math.abs(high), 1) * 0.05;
  return [low - room, high + room];
}

/** A line at each touch; the step of the last one that is seen. */
function drawTouches(pen, known, x, height, ink) {
  let since = known[0][0];
  pen.strokeStyle = ink.touch;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let i = 1; i < known.length; i++) {
    if (known[i][2] === known[i - 1][2]) continue;
    since = known[i][0];
    pen.moveTo(x(since), 0);
    pen.lineTo(x(since), height);
  }
  pen.stroke();
  return since;
}

function drawValues(pen, known, x, y, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.3;
  pen.beginPath();
  known.forEach(([step, value], i) => (i ? pen.lineTo(x(step), y(value)) : pen.moveTo(x(step), y(value))));
  pen.stroke();
}

function drawMean(pen, { mean, error }, from, to, y, colour) {
  if (error) {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.25;
    pen.fillRect(from, y(mean + error), to - from, Math.max(y(mean - error) - y(mean + error), 1));
    pen.globalAlpha = 1;
  }
  drawLevel(pen, from, to, y(mean), colour, []);
}

function drawLevel(pen, from, to, height, colour, dashes) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.setLineDash(dashes);
  pen.beginPath();
  pen.moveTo(from, height);
  pen.lineTo(to, height);
  pen.stroke();
  pen.setLineDash([]);
}

/** Value now, mean with its error, and the law. */
function wordsOfNumber(now, law) {
  if (!now || now.value === null) return "–";
  const parts = [short(now.value)];
  if (now.mean !== null && now.mean !== undefined) parts.push(`mean ${withError(now.mean, now.error)}`);
  if (law !== null && law !== undefined) parts.push(`law ${short(law)}`);
  return parts.join(" · ");
}

/** A number with one standard error in its last two digits, as 0.1594(14). */
function withError(value, error) {
  if (!error || !Number.isFinite(error)) return short(value);
  const digits = 1 - Math.floor(Math.log10(error));
  if (digits < 0 || digits > 9) return `${short(value)} ± ${short(error)}`;
  return `${value.toFixed(digits)}(${Math.round(error * 10 ** digits)})`;
}
