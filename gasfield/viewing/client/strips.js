// Observables over time, with the same cursor as the points. Each strip draws one of them, of all panels.

import { element, penOf, short } from "./elements.js";

const COLOURS = { light: ["#22223b", "#e8590c"], dark: ["#d8d8e4", "#ff8a4c"] };
const FIRST = [/(^|\/)loss$/, /(^|\/)temperature$/, /radius$/, /potential_energy$/, /kinetic_energy$/, /step_length$/];
const STRIPS = 3;

export class Strips {
  /** @param seek called with a step */
  constructor(root, description, steps, seek) {
    this.description = description;
    [this.first, this.last] = [steps[0], steps[steps.length - 1]];
    this.seek = seek;
    this.names = [...new Set(description.panels.flatMap((panel) => panel.series.map((series) => series.name)))];
    this.strips = shownFirst(this.names).map((name) => this.strip(name));
    root.append(...this.strips.map((strip) => strip.root));
    root.hidden = !this.strips.length;
    new ResizeObserver(() => this.draw(this.step, this.dark)).observe(root);
  }

  strip(name) {
    const canvas = element("canvas", { class: "strip", role: "img", "aria-label": "observable over time" });
    const choice = element("select", { "aria-label": "observable", onchange: () => this.draw(this.step, this.dark) });
    choice.append(...this.names.map((each) => element("option", { value: each }, each)));
    choice.value = name;
    const value = element("output", {}, "");
    const seek = (event) => {
      const box = canvas.getBoundingClientRect();
      const share = (event.clientX - box.left - LEFT) / Math.max(box.width - LEFT - RIGHT, 1);
      this.seek(this.first + Math.min(Math.max(share, 0), 1) * (this.last - this.first));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) seek(event);
    });
    const cursor = element("i", { class: "cursor" });
    const chart = element("div", { class: "chart" }, canvas, cursor);
    return { canvas, cursor, choice, value, root: element("div", { class: "observable" }, element("div", { class: "row" }, choice, value), chart) };
  }

  draw(step, dark) {
    [this.step, this.dark] = [step, dark];
    for (const strip of this.strips) {
      const { canvas, cursor, choice, value } = strip;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      const seen = `${width} ${height} ${choice.value} ${dark}`;
      if (seen !== strip.seen && width && height) this.drawLines(strip, width, height);
      strip.seen = seen;
      cursor.style.transform = `translateX(${this.x(step, width).toFixed(1)}px)`;
      value.textContent = this.seriesOf(choice.value).map((series) => (series ? at(series, step) : "–")).join(" | ");
    }
  }

  seriesOf(name) {
    return this.description.panels.map((panel) => panel.series.find((series) => series.name === name) || null);
  }

  x(step, width) {
    return LEFT + ((step - this.first) / Math.max(this.last - this.first, 1)) * (width - LEFT - RIGHT);
  }

  /** The lines of a strip, which stay as they are while the cursor moves. */
  drawLines({ canvas, choice }, width, height) {
    const pen = penOf(canvas, width, height, Math.min(window.devicePixelRatio || 1, 2));
    const lines = this.seriesOf(choice.value);
    const scale = scaleOf(lines);
    if (!scale) return;
    const y = (value) => 5 + (1 - scale.share(value)) * (height - 10);
    pen.font = "10px system-ui, sans-serif";
    pen.fillStyle = this.dark ? "#a8a8b6" : "#5c5c6a";
    pen.fillText(short(scale.high), 2, 12);
    pen.fillText(short(scale.low), 2, height - 4);
    const colours = COLOURS[this.dark ? "dark" : "light"];
    lines.forEach((series, p) => series && drawSeries(pen, series, (step) => this.x(step, width), y, colours[p], p > 0));
  }
}

const [LEFT, RIGHT] = [52, 6];

/** The observables that are shown first: the best known ones. */
function shownFirst(names) {
  const known = FIRST.map((pattern) => names.find((name) => pattern.test(name))).filter(Boolean);
  return [...new Set([...known, ...names])].slice(0, STRIPS);
}

/** The last value not after a step. */
function at(series, step) {
  let found = null;
  for (let i = 0; i < series.steps.length && series.steps[i] <= step; i++) found = series.values[i];
  return found === null ? "–" : short(found);
}

/** The common scale of lines, logarithmic over more than two decades; null where there is no number. */
function scaleOf(lines) {
  let [low, high] = [Infinity, -Infinity];
  for (const series of lines) {
    for (const value of series ? series.values : []) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return null;
  if (low > 0 && high > 100 * low) return { low, high, share: (value) => (value > 0 ? Math.log(value / low) / Math.log(high / low) : 0) };
  return { low, high, share: (value) => (high > low ? (value - low) / (high - low) : 0.5) };
}

function drawSeries(pen, series, x, y, colour, dashed) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.4;
  pen.setLineDash(dashed ? [4, 3] : []);
  pen.beginPath();
  let joined = false;
  series.values.forEach((value, i) => {
    if (value === null) joined = false;
    else if (joined) pen.lineTo(x(series.steps[i]), y(value));
    else pen.moveTo(x(series.steps[i]), y(value));
    joined = value !== null;
  });
  pen.stroke();
  pen.setLineDash([]);
}
