// The diagram of a sweep as SVG with all colours in it, so that a still is the same drawing: a map over two keys, or
// lines with bands of one standard error over one.

import { classColour, css, numberColour } from "./colours.js";
import { cellsOf, Scale } from "./scales.js";

const SPACE = "http://www.w3.org/2000/svg";
const CLASSED = 8;
const LOGARITHMIC_FROM = 1000;
const INKS = {
  false: { paper: "#ffffff", ink: "#22223b", faint: "#62626f", line: "#dcdce4", accent: "#c2410c" },
  true: { paper: "#101116", ink: "#e8e8f0", faint: "#a2a2b0", line: "#32333e", accent: "#ff8a4c" },
};

/** An element of SVG with attributes and children. */
export function drawn(tag, attributes, ...children) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * What is drawn: `points` are numbers of points, `x`, `y` keys (-1: none), `map` or lines, `numbers` and `errors` by
 * point, `label`, `transitions` that belong here, `selected`, `dark`, `width`, `height`.
 */
export class Diagram {
  constructor(source, wanted) {
    Object.assign(this, wanted);
    this.source = source;
    this.keys = source.description.keys;
    this.inks = INKS[this.dark];
    this.places = new Map(); // point -> [x, y] in pixels
    this.series = this.y < 0 ? [0] : [...new Set(this.points.map((point) => source.at(this.y, point)))].sort((a, b) => a - b);
    const known = this.points.map((point) => this.numbers[point]).filter(Number.isFinite);
    [this.least, this.most] = [known.reduce((a, b) => Math.min(a, b), Infinity), known.reduce((a, b) => Math.max(a, b), -Infinity)];
    this.logarithmic = this.least > 0 && this.most / this.least > LOGARITHMIC_FROM;
    const names = this.map && this.y >= 0 && !this.keys[this.y].numeric ? 110 : 62;
    this.frame = { left: names, top: 14, width: Math.max(this.width - names - 16, 40), height: Math.max(this.height - 14 - 50, 40) };
  }

  /** The drawing. */
  svg() {
    const { width, height, inks } = this;
    this.root = drawn("svg", { xmlns: SPACE, width, height, viewBox: `0 0 ${width} ${height}`, "font-family": "system-ui, sans-serif", "font-size": 12, role: "img", "aria-label": `${this.label} over ${this.nameOf(this.x)}${this.map ? ` and ${this.nameOf(this.y)}` : ""}` },
      drawn("rect", { width, height, fill: inks.paper }));
    this.across = this.scaleOf(this.x, this.map ? this.halfCell(this.x) : 0.04);
    if (this.map) this.drawMap();
    else this.drawLines();
    this.drawSelected();
    return this.root;
  }

  nameOf(key) {
    return key < 0 ? "" : this.keys[key].name;
  }

  /** Values of a key as an axis shows them: numbers, or numbers of names. */
  valueOf(key, number) {
    return key >= 0 && this.keys[key].numeric ? this.keys[key].values[number] : number;
  }

  scaleOf(key, margin) {
    if (key < 0) return new Scale([""], { numeric: false });
    const { numeric, log, values } = this.keys[key];
    if (!numeric) return new Scale(values, { numeric, margin: Math.max(margin, 0.5 / Math.max(values.length - 1, 1)) });
    const shown = [...new Set(this.points.map((point) => values[this.source.at(key, point)]))];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const near = (value) => value >= low - (high - low) && value <= high + (high - low) && (value > 0 || !log);
    const located = this.transitions.filter((each) => each.along === key && each.place).flatMap((each) => errorBar(each.place));
    return new Scale([...(shown.length ? shown : values), ...located.filter(near)], { logarithmic: log, margin });
  }

  /** Half a cell of a grid as a share of its range. */
  halfCell(key) {
    return Math.min(0.06, 0.5 / (this.keys[key].values.length - 1));
  }

  px(place) {
    return this.frame.left + place * this.frame.width;
  }

  py(place) {
    return this.frame.top + (1 - place) * this.frame.height;
  }

  add(tag, attributes, ...children) {
    const made = drawn(tag, attributes, ...children);
    this.root.append(made);
    return made;
  }

  // --- axes ----------------------------------------------------------------------------------------------------------

  drawAxes(up, upName) {
    const { left, top, width, height } = this.frame;
    const { inks } = this;
    for (const [place, name] of this.across.ticks(Math.max(2, Math.floor(width / (this.across.numeric ? 70 : 90))))) {
      this.add("line", { x1: this.px(place), x2: this.px(place), y1: top + height, y2: top + height + 4, stroke: inks.faint });
      this.add("text", { x: this.px(place), y: top + height + 17, "text-anchor": "middle", fill: inks.ink }, cut(name, 14));
    }
    for (const [place, name] of up.ticks(Math.max(2, Math.floor(height / 45)))) {
      this.add("line", { x1: left - 4, x2: left, y1: this.py(place), y2: this.py(place), stroke: inks.faint });
      this.add("text", { x: left - 7, y: this.py(place) + 4, "text-anchor": "end", fill: inks.ink }, cut(name, this.frame.left > 80 ? 11 : 8));
    }
    this.add("rect", { x: left, y: top, width, height, fill: "none", stroke: inks.line });
    this.add("text", { x: left + width / 2, y: top + height + 38, "text-anchor": "middle", fill: inks.ink }, cut(this.nameOf(this.x), Math.floor(width / 7)));
    this.add("text", { transform: `translate(13 ${top + height / 2}) rotate(-90)`, "text-anchor": "middle", fill: inks.ink }, cut(upName, Math.floor(height / 7)));
  }

  // --- a map ---------------------------------------------------------------------------------------------------------

  /** The colour of a number; null if there is none. */
  colour(number) {
    return Number.isFinite(number) ? css(numberColour(this.share(number), this.dark)) : null;
  }

  share(number) {
    if (this.least === this.most) return 0.5;
    return this.logarithmic ? Math.log(number / this.least) / Math.log(this.most / this.least) : (number - this.least) / (this.most - this.least);
  }

  drawMap() {
    const { source, x, y } = this;
    this.up = this.scaleOf(y, this.halfCell(y));
    const rows = new Map(this.series.map((number) => [number, []]));
    for (const point of this.points) rows.get(source.at(y, point)).push(point);
    const levels = this.series.map((number) => this.up.place(this.valueOf(y, number)));
    const heights = cellsOf(levels, 0.9);
    const dotted = this.points.length < 1.5 * this.series.length && this.series.length > 1;
    this.series.forEach((number, i) => {
      const points = rows.get(number).sort((a, b) => source.at(x, a) - source.at(x, b));
      const places = points.map((point) => this.across.place(this.valueOf(x, source.at(x, point))));
      const widths = cellsOf(places, 0.9);
      points.forEach((point, j) => {
        const centre = [this.px(places[j]), this.py(levels[i])];
        this.places.set(point, centre);
        if (dotted) this.dot(point, centre, 7, this.colour(this.numbers[point]));
        else this.cell(point, widths[j], heights[i], centre);
      });
    });
    this.drawAxes(this.up, this.nameOf(y));
    this.drawBoundary();
  }

  cell(point, [start, end], [bottom, top], centre) {
    const { left, top: above, width, height } = this.frame;
    const clip = (value) => Math.min(Math.max(value, 0), 1);
    const [x1, x2, y1, y2] = [left + clip(start) * width, left + clip(end) * width, above + (1 - clip(top)) * height, above + (1 - clip(bottom)) * height];
    const colour = this.colour(this.numbers[point]);
    this.add("rect", { x: x1, y: y1, width: Math.max(x2 - x1, 0.5), height: Math.max(y2 - y1, 0.5), fill: colour || this.inks.paper, stroke: colour || this.inks.line, "stroke-width": 0.5, "data-point": point });
    this.markState(point, centre);
  }

  dot(point, [x, y], radius, colour) {
    this.add("circle", { cx: x, cy: y, r: radius, fill: colour || this.inks.paper, stroke: colour ? this.inks.paper : this.inks.faint, "stroke-width": colour ? 0.5 : 1, "data-point": point });
    this.markState(point, [x, y]);
  }

  /** A cross where runs failed, a small ring where runs are still to be made. */
  markState(point, [x, y]) {
    const { failed, left } = this.source.counts(point);
    const halo = { stroke: this.inks.paper, "stroke-width": 4.5, "stroke-linecap": "round", "pointer-events": "none", fill: "none" };
    const cross = `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x - 4} ${y + 4}L${x + 4} ${y - 4}`;
    if (failed) [halo, { ...halo, stroke: this.inks.accent, "stroke-width": 2 }].forEach((style) => this.add("path", { d: cross, ...style, class: "failed" }));
    else if (left) this.add("circle", { cx: x, cy: y, r: 3, fill: "none", stroke: this.inks.faint, "stroke-dasharray": "2 1.5", "pointer-events": "none" });
  }

  /** Transitions on a map: a mark with its error bar, joined where they follow each other; lines where they hold for all. */
  drawBoundary() {
    for (const [along, other] of [[this.x, this.y], [this.y, this.x]]) {
      const marks = [];
      for (const each of this.transitions.filter((one) => one.along === along && one.place)) {
        const scale = along === this.x ? this.across : this.up;
        const places = errorBar(each.place).map((value) => scale.place(value));
        const at = each.at.find(([key]) => key === other);
        if (at) marks.push([...places, (along === this.x ? this.up : this.across).place(this.valueOf(other, at[1]))]);
        else this.band(places, along === this.x, this.inks.accent);
      }
      marks.sort((a, b) => a[3] - b[3]);
      const pixels = marks.map(([low, middle, high, at]) => (along === this.x ? [[this.px(low), this.py(at)], [this.px(middle), this.py(at)], [this.px(high), this.py(at)]] : [[this.px(at), this.py(low)], [this.px(at), this.py(middle)], [this.px(at), this.py(high)]]));
      const path = pixels.map((bar) => bar[1]).join("L");
      const bars = pixels.map(([low, , high]) => `M${low}L${high}`).join("");
      if (pixels.length) {
        for (const [stroke, extra] of [[this.inks.paper, 2.5], [this.inks.accent, 0]]) {
          this.add("path", { d: `M${path}`, fill: "none", stroke, "stroke-width": 1.5 + extra, "stroke-dasharray": extra ? null : "5 4", "pointer-events": "none" });
          this.add("path", { d: bars, fill: "none", stroke, "stroke-width": 2 + extra, "pointer-events": "none", class: "transition" });
        }
      }
      for (const [, [x, y]] of pixels) this.add("circle", { cx: x, cy: y, r: 4.5, fill: this.inks.accent, stroke: this.inks.paper, "stroke-width": 1.5, "pointer-events": "none" });
    }
  }

  // --- lines ---------------------------------------------------------------------------------------------------------

  /** The colour of a line. */
  seriesColour(number) {
    const numeric = this.y >= 0 && this.keys[this.y].numeric && this.series.length > CLASSED;
    if (!numeric) return css(classColour(this.series.indexOf(number), this.dark));
    return css(numberColour(this.series.indexOf(number) / (this.series.length - 1), this.dark));
  }

  drawLines() {
    const { source, x } = this;
    const levels = this.points.flatMap((point) => {
      const [value, error] = [this.numbers[point], this.errors ? this.errors[point] : 0];
      return Number.isFinite(value) ? [value - (error || 0), value + (error || 0)] : [];
    });
    const positive = this.logarithmic && levels.every((level) => level > 0);
    this.up = new Scale(levels, { logarithmic: positive, margin: 0.06 });
    this.drawAxes(this.up, this.label);
    for (const each of this.transitions.filter((one) => one.along === x && one.place)) {
      const at = each.at.find(([key]) => key === this.y);
      this.band(errorBar(each.place).map((value) => this.across.place(value)), true, at ? this.seriesColour(at[1]) : this.inks.accent);
    }
    const lines = new Map(this.series.map((number) => [number, []]));
    for (const point of this.points) lines.get(this.y < 0 ? 0 : source.at(this.y, point)).push(point);
    const dots = [];
    for (const [number, points] of lines) {
      points.sort((a, b) => this.acrossOf(a) - this.acrossOf(b));
      const known = points.filter((point) => Number.isFinite(this.numbers[point]));
      const colour = this.seriesColour(number);
      if (this.across.numeric) this.drawLine(known, colour);
      dots.push(...known.map((point) => [point, colour]));
      for (const point of points.filter((each) => !known.includes(each))) this.places.set(point, [this.px(this.acrossOf(point)), this.frame.top + this.frame.height - 9]);
    }
    for (const [point, colour] of dots) {
      const centre = [this.px(this.acrossOf(point)), this.py(this.up.place(this.numbers[point]))];
      this.places.set(point, centre);
      if (!this.across.numeric) this.errorLine(point, centre[0], colour);
      this.dot(point, centre, this.points.length > 400 ? 3 : 4.5, colour);
    }
    for (const point of this.points.filter((each) => !Number.isFinite(this.numbers[each]))) this.dot(point, this.places.get(point), 5, null);
  }

  acrossOf(point) {
    return this.across.place(this.x < 0 ? 0 : this.valueOf(this.x, this.source.at(this.x, point)));
  }

  drawLine(points, colour) {
    const at = (point, value) => `${this.px(this.acrossOf(point)).toFixed(1)} ${this.py(this.up.place(value)).toFixed(1)}`;
    const error = (point) => (this.errors && this.errors[point] > 0 ? this.errors[point] : 0);
    if (this.errors && points.length > 1) {
      const edge = [...points.map((point) => at(point, this.numbers[point] + error(point))), ...[...points].reverse().map((point) => at(point, this.numbers[point] - error(point)))];
      this.add("path", { d: `M${edge.join("L")}Z`, fill: colour, "fill-opacity": 0.22, class: "band", "pointer-events": "none" });
    }
    if (points.length === 1) this.errorLine(points[0], this.px(this.acrossOf(points[0])), colour);
    if (points.length > 1) this.add("path", { d: `M${points.map((point) => at(point, this.numbers[point])).join("L")}`, fill: "none", stroke: colour, "stroke-width": 1.5, "pointer-events": "none" });
  }

  errorLine(point, x, colour) {
    const error = this.errors ? this.errors[point] : NaN;
    if (error > 0) this.add("line", { x1: x, x2: x, y1: this.py(this.up.place(this.numbers[point] - error)), y2: this.py(this.up.place(this.numbers[point] + error)), stroke: colour, "stroke-width": 2 });
  }

  /** A transition that holds for everything drawn: a line with a band of its error. */
  band([low, middle, high], upright, colour) {
    const { left, top, width, height } = this.frame;
    const clip = (place) => Math.min(Math.max(place, 0), 1);
    const [from, to] = [clip(low), clip(high)];
    const area = upright ? { x: this.px(from), y: top, width: (to - from) * width, height } : { x: left, y: this.py(to), width, height: (to - from) * height };
    this.add("rect", { ...area, fill: colour, "fill-opacity": 0.18, class: "transition", "pointer-events": "none" });
    if (middle < 0 || middle > 1) return;
    const line = upright ? { x1: this.px(middle), x2: this.px(middle), y1: top, y2: top + height } : { x1: left, x2: left + width, y1: this.py(middle), y2: this.py(middle) };
    this.add("line", { ...line, stroke: colour, "stroke-width": 1.5, "stroke-dasharray": "5 4", "pointer-events": "none" });
  }

  drawSelected() {
    const place = this.places.get(this.selected);
    if (!place) return;
    for (const [stroke, thickness] of [[this.inks.paper, 5], [this.inks.ink, 2]]) this.add("circle", { cx: place[0], cy: place[1], r: 9, fill: "none", stroke, "stroke-width": thickness, "pointer-events": "none" });
  }

  /** The point that one comes to from another in a direction ([1, 0] is right, [0, 1] down); itself if there is none. */
  next(from, [right, down]) {
    const start = this.places.get(from);
    if (!start) return [...this.places.keys()][0] ?? -1;
    let [best, least] = [from, Infinity];
    for (const [point, place] of this.places) {
      const [x, y] = [place[0] - start[0], place[1] - start[1]];
      const [along, aside] = [x * right + y * down, Math.abs(x * down) + Math.abs(y * right)];
      const far = along + 3 * aside;
      if (along > 0.5 && far < least) [best, least] = [point, far];
    }
    return best;
  }
}

function errorBar([value, error]) {
  const off = Number.isFinite(error) ? error : 0;
  return [value - off, value, value + off];
}

function cut(name, most) {
  const text = String(name);
  return text.length > most && most > 2 ? `${text.slice(0, most - 1)}…` : text;
}
