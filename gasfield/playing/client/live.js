// A source of frames for the point view: those that the engine sends, the last ones kept for trails. See embedded.js for
// what a view asks. A panel begins anew (`View.adopt`) whenever others are there.

const KEPT = 101; // frames
const SAMPLED = 400; // particles that the scale of colours is found from
const REACHES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];

export class LiveSource {
  constructor() {
    this.exact = true;
    this.pairs = null;
    this.complete = true;
    this.onchange = () => {};
    this.generation = null;
    this.frames = []; // {step, points, strain, colour}
    this.ids = new Uint32Array(0);
    this.group = new Uint8Array(0);
    this.ends = new Uint32Array(0);
    this.reach = REACHES[0];
    this.scale = null; // [low, high] of colours
    this.panel = { steps: [], near: [], series: [], notes: [], channels: [], count: 0, bonds: 0, cell: 1, reach: this.reach };
    this.description = { panels: [this.panel], live: true, count: 0, cube: null, version: "" };
  }

  /** What is played with, as the engine describes it. */
  describe(hello) {
    const { space } = hello;
    const [low, high] = [[...space.low], [...space.high]];
    const axes = low.length;
    const side = Math.max(...low.map((value, k) => high[k] - value), 1e-300);
    const corner = [0, 1, 2].map((k) => (k < axes ? 0.5 * (low[k] + high[k]) - 0.5 * side : 0));
    this.description.cube = { low: corner, side };
    const periods = space.periods ?? (space.periodic ? low.map((value, k) => high[k] - value) : low.map(() => 0));
    Object.assign(this.panel, {
      title: hello.title, file: hello.scenario, dimensions: space.dimension, low: low.map(() => 0), box: [low, high], periods,
      axes: axesOf(hello), outline: outlineFor(space, low, high),
    });
    this.panel.groups = hello.groups.map((group) => group.name);
    this.panel.channels = [this.channelOf(hello.look?.colour ?? "group")];
  }

  channelOf(name) {
    const [low, high] = this.scale ?? [0, 1];
    const classes = name === "group" ? this.panel.groups : [];
    return { name, classes, unit: "", low, high, logarithmic: false, since: false, moves: true };
  }

  /** Takes a frame; true if others are there than before. */
  adopt({ header, arrays, shapes }) {
    const isNew = header.generation !== this.generation || !this.frames.length;
    if (arrays.ids) {
      [this.ids, this.group] = [arrays.ids, arrays.group];
      this.ends = arrays.bonds ?? new Uint32Array(0);
      this.generation = header.generation;
    }
    const last = this.frames[this.frames.length - 1];
    if (isNew || (last && last.step > header.step) || (last && last.points.length !== arrays.points.length)) this.frames.length = 0;
    else if (last && last.step === header.step) this.frames.pop();
    this.frames.push({ step: header.step, points: arrays.points, strain: arrays.strain ?? null, colour: arrays.colour ?? null, codes: null });
    if (this.frames.length > KEPT) this.frames.shift();
    this.panel.steps = this.frames.map((frame) => frame.step);
    this.panel.count = shapes.points[1];
    this.panel.bonds = this.ends.length / 2;
    this.rescale(arrays, isNew);
    return isNew;
  }

  /** Scales of colours follow what they show: strains up to the next round number, others slowly. */
  rescale({ strain, colour }, isNew) {
    if (strain?.length) {
      const largest = quantiles(strain.map(Math.abs), [0.98])[0];
      const reach = REACHES.find((each) => each >= largest) ?? REACHES[REACHES.length - 1];
      this.reach = isNew ? reach : Math.max(reach, this.reach);
    }
    this.panel.reach = this.reach;
    if (!colour?.length) return;
    const wanted = quantiles(colour, [0.02, 0.98]);
    if (wanted[1] === wanted[0]) wanted[1] = wanted[0] + Math.max(Math.abs(wanted[0]), 1) * 1e-6;
    const [low, high] = this.scale ?? wanted;
    const follow = isNew ? 1 : 0.05;
    this.scale = [low + follow * (wanted[0] - low), high + follow * (wanted[1] - high)];
    [this.panel.channels[0].low, this.panel.channels[0].high] = this.scale;
  }

  /** Colours by another number from now on. */
  recolour(name) {
    this.scale = null;
    this.panel.channels = [this.channelOf(name)];
    for (const frame of this.frames) frame.colour = frame.codes = null;
  }

  /** The first frame comes anew, as after a change of axes. */
  forget() {
    this.frames.length = 0;
    this.panel.steps = [];
  }

  rows() {
    return { tokens: [], rows: this.ids, ids: [] };
  }

  bonds() {
    return this.ends;
  }

  cells(p, f) {
    return this.frames[f]?.points ?? null;
  }

  codes(p, c, f) {
    const frame = this.frames[f];
    if (!frame) return null;
    if (this.panel.channels[0].classes.length) return this.group;
    if (!frame.codes && frame.colour) frame.codes = codesOf(frame.colour, this.scale);
    return frame.codes;
  }

  strain(p, f) {
    const strain = this.frames[f]?.strain;
    return strain ? codesOf(strain, [-this.reach, this.reach]) : null;
  }

  /** Opacities of bonds: what is drawn out many times has neighbours no more. */
  opacity(p, f) {
    const strain = this.frames[f]?.strain;
    return strain ? Uint8Array.from(strain, (value) => 235 * Math.min(1, 3 / (1 + Math.max(value, 0)))) : null;
  }

  /** The centroid (K) of a group in the last frame. */
  centroid(group) {
    const { points } = this.frames[this.frames.length - 1];
    const n = this.panel.count;
    const sums = this.panel.axes.map(() => 0);
    let count = 0;
    for (let i = 0; i < n; i++) {
      if (this.group[i] !== group) continue;
      count++;
      for (let k = 0; k < sums.length; k++) sums[k] += points[k * n + i];
    }
    return sums.map((sum) => sum / Math.max(count, 1));
  }

  async path(p, row) {
    const path = [];
    for (const { points } of this.frames) {
      const n = points.length / this.panel.axes.length;
      for (let k = 0; k < this.panel.axes.length; k++) path.push(points[k * n + row]);
    }
    return path;
  }
}

/** Codes 1 to 255 of numbers between two ends. */
function codesOf(values, [low, high]) {
  const codes = new Uint8Array(values.length);
  const factor = 254 / (high - low || 1);
  for (let i = 0; i < values.length; i++) codes[i] = 1 + Math.min(Math.max(Math.round((values[i] - low) * factor), 0), 254);
  return codes;
}

/** Quantiles of an even sample. */
function quantiles(values, shares) {
  const every = Math.max(1, Math.floor(values.length / SAMPLED));
  const sample = [];
  for (let i = 0; i < values.length; i += every) if (Number.isFinite(values[i])) sample.push(values[i]);
  sample.sort((a, b) => a - b);
  return shares.map((share) => sample[Math.round(share * (sample.length - 1))] ?? 0);
}

function axesOf({ space, look }) {
  if (look?.axes) return look.axes.map((axis) => `x${axis}`);
  return space.low.map((_, k) => (space.picture === "projection" ? `principal axis ${k + 1}` : `x${k}`));
}

function outlineFor(space, low, high) {
  const centred = low.every((value, k) => Math.abs(value + high[k]) < 1e-6 * (high[k] - value));
  if (space.picture === "projection" || !centred) return null;
  if (space.radius) return { kind: "sphere", radius: space.radius };
  return space.kind === "free" ? null : { kind: "box", sides: low.map((value, k) => high[k] - value) };
}
