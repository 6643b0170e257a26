// Drawing with WebGL 2 through twgl: points from cells and codes as they come, and lines of a width.
//
// Lengths are in units of the cube around all panels, so that any scale of the data suits numbers of 32 bits. Without a
// graphics card points are drawn on a paper below (paper.js) where no line may be before or behind them, and only lines here.

import { fitTo } from "./elements.js";
import { Paper } from "./paper.js";

const MANY = 8000; // points from which paper is quicker in three dimensions

const POINTS = [
  `#version 300 es
  in vec3 point;
  in vec4 tint;
  uniform vec3 origin;
  uniform float cell, size, depth;
  uniform mat3 turn;
  uniform vec2 scale;
  uniform vec3 paper;
  out vec4 colour;
  out float sharpness;
  void main() {
    colour = tint;
    if (tint.a < 0.5) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); gl_PointSize = 0.0; return; }
    vec3 place = turn * (origin + cell * point);
    gl_Position = vec4(place.xy * scale, -place.z * 0.2, 1.0);
    float near = depth > 0.0 ? clamp(0.5 + place.z / depth, 0.0, 1.0) : 1.0;
    colour.rgb = mix(colour.rgb, paper, 0.5 * (1.0 - near));
    gl_PointSize = size * (depth > 0.0 ? 0.7 + 0.6 * near : 1.0) + 0.7;
    sharpness = gl_PointSize;
  }`,
  `#version 300 es
  precision mediump float;
  in vec4 colour;
  in float sharpness;
  uniform float opacity;
  out vec4 pixel;
  void main() {
    vec2 away = gl_PointCoord - 0.5;
    float squared = dot(away, away);
    if (squared > 0.25) discard;
    pixel = vec4(colour.rgb * (1.05 - squared), opacity * min((0.25 - squared) * sharpness, 1.0));
  }`,
];

const LINES = [
  `#version 300 es
  in vec2 corner;
  in vec3 from, to;
  in vec4 tint;
  uniform vec3 centre;
  uniform mat3 turn;
  uniform vec2 scale, pixel;
  uniform float width, depth;
  uniform vec3 paper;
  out vec4 colour;
  out float side;
  flat out float half_width;
  void main() {
    vec3 a = turn * (from - centre), b = turn * (to - centre);
    vec2 along = (b.xy - a.xy) * scale / pixel;
    vec2 across = length(along) > 1e-6 ? normalize(vec2(-along.y, along.x)) : vec2(0.0, 1.0);
    vec3 place = mix(a, b, corner.x);
    gl_Position = vec4(place.xy * scale + across * corner.y * (width + 0.5) * pixel, -place.z * 0.2 + 0.0005, 1.0);
    side = corner.y * (width + 0.5);
    half_width = width;
    colour = tint;
    if (depth > 0.0) colour.rgb = mix(colour.rgb, paper, 0.5 * (1.0 - clamp(0.5 + place.z / depth, 0.0, 1.0)));
  }`,
  `#version 300 es
  precision mediump float;
  in vec4 colour;
  in float side;
  flat in float half_width;
  out vec4 pixel;
  void main() { pixel = vec4(colour.rgb, colour.a * clamp(half_width + 0.5 - abs(side), 0.0, 1.0)); }`,
];

/** Draws into panels of one canvas. */
export class Drawing {
  /** @param canvas of WebGL; below: a canvas under it, for points without a graphics card */
  constructor(canvas, below) {
    this.gl = canvas.getContext("webgl2", { antialias: false, alpha: true, powerPreference: "high-performance" });
    if (!this.gl) throw new Error("this browser has no WebGL 2");
    this.programs = { points: window.twgl.createProgramInfo(this.gl, POINTS), lines: window.twgl.createProgramInfo(this.gl, LINES) };
    this.sets = new Map();
    this.canvas = canvas;
    this.below = new Paper(below);
    this.paperFrom = isSoftware(this.gl) ? MANY : Infinity; // points
  }

  /** Whether points are drawn on paper: in the plane, and where there are many and no lines in three dimensions. */
  suitsPaper(isFlat, count, hasLines) {
    return this.paperFrom < Infinity && (isFlat || (count >= this.paperFrom && !hasLines));
  }

  /** Clears all with the colour of the paper [0 to 1]. */
  clear(paper, hasPaper) {
    const { gl } = this;
    this.paper = paper;
    this.hasPaper = hasPaper;
    if (hasPaper) fitTo(this.below.canvas, gl.canvas.width, gl.canvas.height, 1);
    this.isEmpty = true;
    gl.disable(gl.SCISSOR_TEST);
    if (hasPaper) gl.clearColor(0, 0, 0, 0);
    else gl.clearColor(...paper, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  }

  /** After the last panel: a layer without anything in it is left out. */
  end() {
    this.below.canvas.hidden = !this.hasPaper;
    this.canvas.hidden = this.hasPaper && this.isEmpty;
  }

  /** Begins a panel: its rectangle in the canvas [device pixels, from the lower left corner], and its camera. */
  panel(rectangle, camera, ratio) {
    const { gl } = this;
    const [left, bottom, width, height] = rectangle;
    gl.viewport(left, bottom, width, height);
    gl.scissor(left, bottom, width, height);
    gl.enable(gl.SCISSOR_TEST);
    const scale = camera.scale(width, height);
    const t = camera.turn;
    this.common = {
      turn: [t[0], t[3], t[6], t[1], t[4], t[7], t[2], t[5], t[8]],
      scale: [(2 * scale) / width, (2 * scale) / height],
      pixel: [2 / width, 2 / height],
      centre: camera.centre,
      depth: camera.solid ? camera.depth : 0,
      paper: this.paper,
    };
    [this.camera, this.ratio, this.rectangle] = [camera, ratio, rectangle];
    if (camera.solid) gl.enable(gl.DEPTH_TEST);
    else gl.disable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** All of a panel: lines that stay while the camera rests, points (or null), and lines that move with them. */
  scene(key, still, points, moving) {
    const drawStill = () => still.forEach((lines, i) => this.lines(`still ${i} ${key}`, lines));
    if (this.hasPaper) this.onPaper(key, still, drawStill, points);
    else drawStill();
    moving.forEach((lines, i) => this.lines(`moving ${i} ${key}`, lines));
    if (points && !this.hasPaper) this.points(key, points);
  }

  onPaper(key, still, drawStill, points) {
    const { camera, rectangle } = this;
    const state = [...still, ...rectangle, ...camera.centre, camera.zoom, ...this.paper];
    this.below.background(key, state, rectangle, (bytes) => this.read(bytes, drawStill));
    if (points) this.below.points(key, this.filled(key, points), this.lookOf(points), camera.solid);
    else this.below.put(key);
  }

  /** How stamps look (see stamps.js): as points that are drawn by the shaders. */
  lookOf({ low, cell, size, opacity }) {
    const { camera, rectangle: [, , width, height] } = this;
    const scale = camera.scale(width, height);
    const row = (k, factor, middle) => {
      const along = camera.turn.slice(3 * k, 3 * k + 3);
      const start = along.reduce((sum, value, i) => sum + value * (low[i] - camera.centre[i]), 0);
      return [...along.map((value) => factor * cell * value), middle + factor * start];
    };
    const fog = camera.solid ? { depth: camera.depth, paper: this.paper.map((value) => 255 * value) } : null;
    return { map: [row(0, scale, width / 2), row(1, -scale, height / 2), row(2, 1, 0)], size: size * this.ratio, opacity, fog };
  }

  /** What is drawn in the panel alone, as bytes from the lowest row. */
  read(bytes, draw) {
    const { gl, isEmpty } = this;
    gl.clearColor(...this.paper, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    draw();
    gl.readPixels(...this.rectangle, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.isEmpty = isEmpty;
  }

  /**
   * Points: cells (K, n) in multiples of `cell`, codes (n,) and a palette. What has not changed since the last call for
   * the same `key` is not sent again.
   */
  points(key, points) {
    const { gl } = this;
    const set = this.filled(key, points);
    if (!set.isSent) {
      window.twgl.setAttribInfoBufferFromArray(gl, set.attributes.point, set.places);
      window.twgl.setAttribInfoBufferFromArray(gl, set.attributes.tint, set.tints);
      set.isSent = true;
    }
    const origin = points.low.map((value, i) => value - this.camera.centre[i]);
    const uniforms = { ...this.common, origin, cell: points.cell, size: points.size * this.ratio, opacity: points.opacity };
    this.draw("points", set, uniforms, () => gl.drawArrays(gl.POINTS, 0, set.count));
  }

  /** Places and colours of points, one after the other. */
  filled(key, { cells, codes, palette, count, absent }) {
    let set = this.set(`points ${key}`, () => this.newPoints(count));
    if (set.count !== count) this.sets.set(`points ${key}`, (set = this.newPoints(count, set.attributes)));
    if (set.cells !== cells || set.codes !== codes || set.palette !== palette) {
      Object.assign(set, { cells, codes, palette, isSent: false });
      fillPoints(set, cells, codes, palette, count, absent);
    }
    return set;
  }

  /** Lines: ends (M, 6) in units of the cube, colours (M, 4), and a width in pixels. */
  lines(key, { ends, colours, width }) {
    const { gl } = this;
    if (!ends.length) return;
    this.isEmpty = false;
    const set = this.set(key, () => this.newLines());
    if (set.ends !== ends) window.twgl.setAttribInfoBufferFromArray(gl, set.attributes.from, (set.ends = ends));
    if (set.colours !== colours) window.twgl.setAttribInfoBufferFromArray(gl, set.attributes.tint, (set.colours = colours));
    const uniforms = { ...this.common, width: 0.5 * width * this.ratio };
    this.draw("lines", set, uniforms, () => gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, ends.length / 6));
  }

  draw(name, set, uniforms, call) {
    const { gl } = this;
    gl.useProgram(this.programs[name].program);
    window.twgl.setBuffersAndAttributes(gl, this.programs[name], { attribs: set.attributes });
    window.twgl.setUniforms(this.programs[name], uniforms);
    call();
    for (let i = 0; i < 4; i++) gl.vertexAttribDivisor(i, 0);
  }

  set(key, make) {
    if (!this.sets.has(key)) this.sets.set(key, make());
    return this.sets.get(key);
  }

  newPoints(count, attributes = this.attributesOfPoints()) {
    return { attributes, count, places: new Float32Array(3 * count), tints: new Uint8Array(4 * count) };
  }

  attributesOfPoints() {
    const { gl } = this;
    return {
      point: { buffer: this.buffer(0), numComponents: 3, type: gl.FLOAT },
      tint: { buffer: this.buffer(0), numComponents: 4, type: gl.UNSIGNED_BYTE, normalize: true },
    };
  }

  newLines() {
    const { gl } = this;
    const corners = this.buffer(0);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, -1, 0, 1, 1, -1, 1, 1]), gl.STATIC_DRAW);
    const [ends, tints] = [this.buffer(0), this.buffer(0)];
    const end = (offset) => ({ buffer: ends, numComponents: 3, type: gl.FLOAT, stride: 24, offset, divisor: 1 });
    const attributes = {
      corner: { buffer: corners, numComponents: 2, type: gl.FLOAT },
      from: end(0),
      to: end(12),
      tint: { buffer: tints, numComponents: 4, type: gl.UNSIGNED_BYTE, normalize: true, divisor: 1 },
    };
    return { attributes };
  }

  buffer(size) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, size, gl.DYNAMIC_DRAW);
    return buffer;
  }
}

/** Place and colour of each point, one after the other; what is absent has no colour. Without a graphics card this is
 * cheaper than to look colours up for each vertex. */
function fillPoints({ places, tints }, cells, codes, palette, count, absent) {
  const axes = cells.length / count;
  const colours = new Uint32Array(palette.buffer);
  const words = new Uint32Array(tints.buffer);
  for (let k = 0; k < axes; k++) for (let i = 0, j = k * count; i < count; i++, j++) places[3 * i + k] = cells[j];
  for (let i = 0; i < count; i++) words[i] = cells[i] === absent ? 0 : colours[codes[i]];
}

/** Whether the processor does the work of a graphics card. */
function isSoftware(gl) {
  const name = gl.getParameter(gl.RENDERER);
  const more = name === "WebKit WebGL" ? gl.getExtension("WEBGL_debug_renderer_info") : null; // others name it at once
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(more ? gl.getParameter(more.UNMASKED_RENDERER_WEBGL) : name);
}
