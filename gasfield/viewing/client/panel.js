// A panel: one trajectory in its rectangle. It asks the source for what belongs to a moment, and says where rows are.

import { strainColour } from "./colours.js";

const ABSENT = 0xffff; // of cells on a grid; coordinates as numbers are all there
const MOST_TRAILS = 300000;
const TRAIL_OPACITY = 0.55; // of few rows; of many it is less
const FEW_TRAILS = 1000;

export class Panel {
  /** @param cube {low (3), side}: of the unit cube that all panels share */
  constructor(source, p, cube) {
    this.source = source;
    this.p = p;
    this.about = source.description.panels[p];
    this.axes = this.about.axes.length;
    this.rows = source.rows(p);
    this.bonds = source.bonds(p);
    this.cell = this.about.cell / cube.side;
    this.low = [0, 1, 2].map((k) => (k < this.axes ? (this.about.low[k] - cube.low[k]) / cube.side : 0));
    this.periods = this.about.periods.map((period) => period / cube.side);
    this.absent = source.exact ? NaN : ABSENT;
    this.frame = -1;
    this.cells = this.codes = this.strain = null;
    this.underlay = null; // lines below the points
    this.outline = outlineOf(this.about.outline, this.axes, cube);
    this.trail = { ends: new Float32Array(0), colours: new Uint8Array(0) };
    this.path = null;
  }

  /** The last frame not after a step; -1 before the first. */
  frameAt(step) {
    const { steps } = this.about;
    let [low, high] = [0, steps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Goes to a step; keeps showing the frame before while the source has not got the new one. True if it is there. */
  goTo(step, colouring, trails) {
    const frame = this.frameAt(step);
    if (frame < 0) {
      this.frame = -1;
      this.cells = null;
      return true;
    }
    const cells = this.frame === frame && this.cells ? this.cells : this.source.cells(this.p, frame);
    if (!cells) return false;
    const number = colouring.numbers[this.p];
    this.cells = cells;
    this.frame = frame;
    const codes = number < 0 ? null : this.source.codes(this.p, number, frame);
    this.codes = codes || this.blank();
    this.strain = this.bonds.length ? this.source.strain(this.p, frame) : null;
    this.opacity = this.bonds.length ? (this.source.opacity?.(this.p, frame) ?? null) : null;
    this.setBonds();
    this.trails = trails;
    return number < 0 || codes !== null;
  }

  blank() {
    this.none = this.none || new Uint8Array(this.about.count);
    return this.none;
  }

  /** Place of a row in the unit cube, from the cells of a frame; null where it has none. */
  at(row, cells = this.cells) {
    const n = this.about.count;
    if (!cells || cells[row] === this.absent) return null;
    const place = [0, 0, 0];
    for (let k = 0; k < this.axes; k++) place[k] = this.low[k] + this.cell * cells[k * n + row];
    return place;
  }

  /** Widens a box {low, high} to the rows that are shown in the present frame. */
  widen(box, palette) {
    for (let row = 0; this.cells && row < this.about.count; row++) {
      const place = palette[4 * this.codes[row] + 3] ? this.at(row) : null;
      for (let k = 0; place && k < 3; k++) {
        box.low[k] = Math.min(box.low[k], place[k]);
        box.high[k] = Math.max(box.high[k], place[k]);
      }
    }
  }

  /** Whether there is a period between two places, so that no line joins them. */
  wraps(a, b) {
    return this.periods.some((period, k) => period > 0 && Math.abs(a[k] - b[k]) > 0.5 * period);
  }

  setBonds() {
    const count = this.bonds.length / 2;
    const ends = new Float32Array(6 * count);
    const colours = new Uint8Array(4 * count);
    let drawn = 0;
    for (let i = 0; i < count; i++) {
      const [a, b] = [this.at(this.bonds[2 * i]), this.at(this.bonds[2 * i + 1])];
      if (!a || !b || this.wraps(a, b)) continue;
      ends.set([...a, ...b], 6 * drawn);
      colours.set([...strainColour(this.strain ? this.strain[i] : 0), this.opacity ? this.opacity[i] : 235], 4 * drawn);
      drawn++;
    }
    this.bondLines = { ends: ends.subarray(0, 6 * drawn), colours: colours.subarray(0, 4 * drawn), width: 2 };
  }

  /** Lines from each row back over some frames, as far as these are here; none where there would be too many. */
  setTrails(length, palette) {
    const n = this.about.count;
    const first = Math.max(0, this.frame - length);
    if (!length || this.frame < 1 || n * (this.frame - first) > MOST_TRAILS) {
      this.trail = { ends: new Float32Array(0), colours: new Uint8Array(0), width: 1 };
      return;
    }
    const strength = TRAIL_OPACITY * Math.min(1, Math.sqrt(FEW_TRAILS / n));
    const ends = new Float32Array(6 * n * (this.frame - first));
    const colours = new Uint8Array(4 * n * (this.frame - first));
    let drawn = 0;
    for (let f = first; f < this.frame; f++) {
      const [before, after] = [this.source.cells(this.p, f), f + 1 === this.frame ? this.cells : this.source.cells(this.p, f + 1)];
      if (!before || !after) continue;
      const opacity = 255 * strength * ((f + 1 - first) / (this.frame - first)) ** 1.5;
      for (let row = 0; row < n; row++) {
        const code = 4 * this.codes[row];
        if (!palette[code + 3]) continue;
        const [a, b] = [this.at(row, before), this.at(row, after)];
        if (!a || !b || this.wraps(a, b)) continue;
        ends.set(a, 6 * drawn);
        ends.set(b, 6 * drawn + 3);
        colours.set([palette[code], palette[code + 1], palette[code + 2], opacity], 4 * drawn);
        drawn++;
      }
    }
    this.trail = { ends: ends.subarray(0, 6 * drawn), colours: colours.subarray(0, 4 * drawn), width: 1.2 };
  }

  /** Asks for the path of a row, to be drawn from the next picture on. */
  async setPath(row) {
    this.path = null;
    if (row === null) return;
    const cells = await this.source.path(this.p, row);
    const places = [];
    for (let f = 0; f < cells.length / this.axes; f++) {
      const place = [0, 0, 0];
      for (let k = 0; k < this.axes; k++) place[k] = this.low[k] + this.cell * cells[f * this.axes + k];
      places.push(cells[f * this.axes] === this.absent ? null : place);
    }
    this.path = places;
  }

  /** The row nearest to a point of the panel [pixels] within a reach; -1 if there is none. In front goes first. */
  pick(x, y, camera, width, height, reach, palette) {
    if (!this.cells) return -1;
    let [best, least, height0] = [-1, reach * reach, -Infinity];
    for (let row = 0; row < this.about.count; row++) {
      if (!palette[4 * this.codes[row] + 3]) continue;
      const place = this.at(row);
      if (!place) continue;
      const [sx, sy, depth] = camera.place(...place, width, height);
      const apart = (sx - x) ** 2 + (sy - y) ** 2;
      if (apart < least - 4 || (apart <= least && (best < 0 || depth > height0))) [best, least, height0] = [row, apart, depth];
    }
    return best;
  }
}

/** The smallest cube around the boxes of all panels. */
export function cubeAround(panels) {
  const low = [0, 1, 2].map((k) => Math.min(...panels.map((panel) => panel.low[k] ?? Infinity)));
  const high = [0, 1, 2].map((k) => Math.max(...panels.map((panel) => (k < panel.low.length ? panel.low[k] + 65534 * panel.cell : -Infinity))));
  const side = Math.max(...high.map((value, k) => (Number.isFinite(value) ? value - low[k] : 0)));
  return { low: low.map((value, k) => (Number.isFinite(value) ? 0.5 * (value + high[k]) - 0.5 * side : 0)), side };
}

/** The box of all panels {low, high} in the unit cube. */
export function boxOf(panels, cube) {
  const corner = (which, best) =>
    [0, 1, 2].map((k) => {
      const values = panels.filter((panel) => k < panel.low.length).map((panel) => (panel.box[which][k] - cube.low[k]) / cube.side);
      return values.length ? best(...values) : 0;
    });
  return { low: corner(0, Math.min), high: corner(1, Math.max) };
}

/** Segments (a, b) of the outline of a space in the unit cube. */
function outlineOf(outline, axes, cube) {
  if (!outline) return [];
  const at = (place) => [0, 1, 2].map((k) => (k < axes ? ((place[k] ?? 0) - cube.low[k]) / cube.side : 0));
  return (outline.kind === "sphere" ? circles(outline.radius, axes) : edges(outline.sides, axes)).map(([a, b]) => [at(a), at(b)]);
}

function circles(radius, axes) {
  const segments = [];
  const steps = 72;
  const ring = (place) => {
    for (let i = 0; i < steps; i++) segments.push([place((2 * Math.PI * i) / steps), place((2 * Math.PI * (i + 1)) / steps)]);
  };
  if (axes < 3) {
    ring((angle) => [radius * Math.cos(angle), radius * Math.sin(angle)]);
    return segments;
  }
  for (let i = -2; i <= 2; i++) {
    const [r, z] = [radius * Math.cos((i * Math.PI) / 6), radius * Math.sin((i * Math.PI) / 6)];
    ring((angle) => [r * Math.cos(angle), z, r * Math.sin(angle)]);
  }
  for (let i = 0; i < 6; i++) {
    const [c, s] = [Math.cos((i * Math.PI) / 6), Math.sin((i * Math.PI) / 6)];
    ring((angle) => [radius * c * Math.cos(angle), radius * Math.sin(angle), radius * s * Math.cos(angle)]);
  }
  return segments;
}

function edges(sides, axes) {
  const half = [0, 1, 2].map((k) => (k < axes ? (sides[k] ?? 0) / 2 : 0));
  const segments = [];
  for (let k = 0; k < axes; k++) {
    const others = [0, 1, 2].filter((other) => other !== k);
    for (const [s, t] of [[-1, -1], [-1, 1], [1, -1], [1, 1]]) {
      const [a, b] = [[0, 0, 0], [0, 0, 0]];
      a[others[0]] = b[others[0]] = s * half[others[0]];
      a[others[1]] = b[others[1]] = t * half[others[1]];
      [a[k], b[k]] = [-half[k], half[k]];
      segments.push([a, b]);
    }
  }
  return segments;
}
