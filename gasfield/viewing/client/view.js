// The point view: panels in one canvas, with an overlay for what is marked. It knows nothing of where frames come from
// and has no controls: a page or a notebook sets `step`, `colouring`, `trails`, `selected`, and asks it to draw.

import { Camera } from "./camera.js";
import { css } from "./colours.js";
import { Drawing } from "./drawing.js";
import { element, fitTo, penOf, tokenOf } from "./elements.js";
import { boxOf, cubeAround, Panel } from "./panel.js";
import { listenTo } from "./pointers.js";

const REACH = 14; // pixels around a click in which a row is looked for
const GAP = 2;
const MOST_LABELS = 24;
const CORNER = 84; // side of the canvas of the axes

export class View {
  /** @param root an element that it fills; `onpick(panel, row)` and `onhover` are called with -1 for none */
  constructor(root, source, colouring) {
    this.root = root;
    this.source = source;
    this.colouring = colouring;
    this.paper = element("canvas", { class: "paper", hidden: true });
    this.canvas = element("canvas", { class: "points" });
    this.overlay = element("canvas", { class: "overlay" });
    this.corners = source.description.panels.map(() => element("canvas", { class: "axes" }));
    root.append(this.paper, this.canvas, this.overlay, ...this.corners);
    for (const [name, value] of [["tabindex", "0"], ["role", "img"], ["aria-label", "points"]]) root.setAttribute(name, value);
    this.drawing = new Drawing(this.canvas, this.paper);
    const { panels } = source.description;
    const cube = source.description.cube ?? cubeAround(panels);
    this.cube = cube;
    this.panels = panels.map((_, p) => new Panel(source, p, cube));
    this.camera = new Camera(panels.some((panel) => panel.axes.length > 2), boxOf(panels, cube));
    this.outlines = this.panels.map(() => null);
    this.step = panels[0].steps[0];
    this.trails = 0;
    this.size = pointSize(Math.max(...panels.map((panel) => panel.count)));
    this.dark = false;
    this.selected = panels.map(() => -1);
    this.marked = panels.map(() => []); // [row, rank] of neighbours, or rows that were found
    this.onpick = this.ondrawn = () => {};
    this.onhover = null;
    this.tool = null; // takes what is done with the mouse: down, move, up with a point of the view; not down: the camera does
    this.ornament = null; // draws into the overlay, with a pen
    this.drawn = 0;
    listenTo(this);
    new ResizeObserver(() => this.ask()).observe(root);
  }

  /** Draws soon, once for however many times it is asked. */
  ask() {
    if (!this.asked) this.asked = requestAnimationFrame(() => this.draw());
  }

  /** Draws now. */
  draw() {
    if (this.asked) cancelAnimationFrame(this.asked);
    this.asked = 0;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.max(this.root.clientWidth, 1), Math.max(this.root.clientHeight, 1)];
    fitTo(this.canvas, width, height, ratio);
    this.late = !this.panels.map((panel) => panel.goTo(this.step, this.colouring, this.trails)).every(Boolean);
    const paper = this.dark ? [0.063, 0.067, 0.086] : [1, 1, 1];
    this.drawing.clear(paper, this.suitsPaper());
    for (const panel of this.panels) this.drawPanel(panel, ratio);
    this.drawing.end();
    this.drawOverlay(ratio, width, height);
    this.drawAxes(ratio);
    this.drawn++;
    this.ondrawn();
  }

  /** Looks at a source that shows something else now from the beginning. */
  lookAnew() {
    const { panels, cube } = this.source.description;
    this.cube = cube ?? cubeAround(panels);
    this.camera = new Camera(panels.some((panel) => panel.axes.length > 2), boxOf(panels, this.cube));
    this.adopt();
  }

  suitsPaper() {
    const { panels, camera } = this;
    const hasLines = this.trails > 0 || panels.some((panel) => panel.bonds.length || panel.outline.length || panel.underlay);
    return this.drawing.suitsPaper(!camera.solid, Math.max(...panels.map((panel) => panel.about.count)), hasLines);
  }

  /** Begins anew with the rows that the source has now; the camera stays. */
  adopt() {
    this.panels = this.panels.map((_, p) => new Panel(this.source, p, this.cube));
    this.outlines = this.panels.map(() => null);
    this.selected = this.panels.map(() => -1);
    this.marked = this.panels.map(() => []);
    this.seen = "";
    this.size = pointSize(Math.max(...this.panels.map((panel) => panel.about.count)));
  }

  /** What is marked, in a layer of its own, which is left out where nothing is: layers cost without a graphics card. */
  drawOverlay(ratio, width, height) {
    const isMarked = this.ornament !== null || this.panels.some((panel) => this.selected[panel.p] >= 0 || this.marked[panel.p].length);
    this.overlay.hidden = !isMarked;
    if (!isMarked) return;
    const pen = penOf(this.overlay, width, height, ratio);
    for (const panel of this.panels) {
      const [left, top, across, down] = this.rectangle(panel.p);
      pen.save();
      pen.beginPath();
      pen.rect(left, top, across, down);
      pen.clip();
      pen.translate(left, top);
      if (panel.cells) this.drawMarks(panel, pen, across, down);
      pen.restore();
    }
    if (this.ornament) this.ornament(pen);
  }

  /** Left, top, width and height of a panel [pixels]: side by side, in narrow windows one above the other. */
  rectangle(p) {
    const [width, height, count] = [this.root.clientWidth, this.root.clientHeight, this.panels.length];
    if (count === 1) return [0, 0, width, height];
    if (width >= height) return [p * Math.round((width + GAP) / 2), 0, Math.round((width - GAP) / 2), height];
    return [0, p * Math.round((height + GAP) / 2), width, Math.round((height - GAP) / 2)];
  }

  palette(p) {
    return this.colouring.palette(p, Math.max(this.panels[p].frame, 0), this.dark);
  }

  drawPanel(panel, ratio) {
    const { drawing, camera } = this;
    const [left, top, width, height] = this.rectangle(panel.p);
    const inDevice = [left, this.root.clientHeight - top - height, width, height].map((value) => Math.round(value * ratio));
    drawing.panel(inDevice, camera, ratio);
    const still = [this.outlineOf(panel), panel.underlay].filter(Boolean);
    const palette = panel.cells && this.palette(panel.p);
    if (palette) panel.setTrails(this.trails, palette);
    const { cells, codes, low, cell, absent } = panel;
    const points = palette && { cells, codes, palette, count: panel.about.count, absent, low, cell, size: this.size, opacity: camera.solid ? 1 : 0.9 };
    drawing.scene(panel.p, still, points, palette ? [panel.trail, panel.bondLines] : []);
  }

  outlineOf(panel) {
    if (!this.outlines[panel.p]) {
      const ends = new Float32Array(panel.outline.flat(2));
      const colours = new Uint8Array(panel.outline.length * 4);
      for (let i = 0; i < panel.outline.length; i++) colours.set([128, 128, 140, 110], 4 * i);
      this.outlines[panel.p] = { ends, colours, width: 1 };
    }
    return this.outlines[panel.p];
  }

  /** The path of the selected row, rings around it, its neighbours and what was found. */
  drawMarks(panel, pen, width, height) {
    const ink = this.dark ? [255, 255, 255] : [20, 20, 30];
    const at = (place) => this.camera.place(...place, width, height);
    const row = this.selected[panel.p];
    if (panel.path) this.drawPath(panel, pen, at, ink);
    pen.font = "12px system-ui, sans-serif";
    pen.lineWidth = 1;
    const taken = row >= 0 && panel.at(row) ? [at(panel.at(row))] : [];
    for (const [other, rank] of this.marked[panel.p]) {
      const place = panel.at(other);
      if (!place) continue;
      const [x, y] = at(place);
      if (rank && row >= 0 && panel.at(row)) line(pen, at(panel.at(row)), [x, y], css(ink, 0.25));
      ring(pen, x, y, 3 + this.size / 2, css(ink, 0.6));
      const free = taken.length < MOST_LABELS && taken.every(([u, v]) => Math.abs(u - x) > 90 || Math.abs(v - y) > 16);
      if (free) label(pen, tokenOf(panel.rows, other), x + 8, y - 6, css(ink), this.dark);
      if (free) taken.push([x, y]);
    }
    if (row >= 0 && panel.at(row)) {
      const [x, y] = at(panel.at(row));
      pen.lineWidth = 2.5;
      ring(pen, x, y, 7 + this.size / 2, "#e8590c");
      pen.font = "bold 13px system-ui, sans-serif";
      label(pen, tokenOf(panel.rows, row), x + 11, y - 9, css(ink), this.dark);
    }
  }

  drawPath(panel, pen, at, ink) {
    pen.lineWidth = 1.5;
    for (const [from, to, alpha] of [[0, panel.frame, 0.8], [panel.frame, panel.path.length - 1, 0.25]]) {
      pen.strokeStyle = alpha > 0.5 ? "#e8590c" : css(ink, alpha);
      pen.beginPath();
      let before = null;
      for (let f = from; f <= to; f++) {
        const place = panel.path[f];
        const [x, y] = place ? at(place) : [0, 0];
        if (place && before && !panel.wraps(before, place)) pen.lineTo(x, y);
        else if (place) pen.moveTo(x, y);
        before = place;
      }
      pen.stroke();
    }
  }

  /** The directions of the axes, in the lower left corner of each panel; drawn anew when they have turned. */
  drawAxes(ratio) {
    const seen = JSON.stringify([ratio, this.dark, this.camera.turn, this.panels.map((panel) => this.rectangle(panel.p))]);
    if (seen === this.seen) return;
    this.seen = seen;
    for (const { p, about } of this.panels) {
      const [left, top, , height] = this.rectangle(p);
      [this.corners[p].style.left, this.corners[p].style.top] = [`${left}px`, `${top + height - CORNER}px`];
      this.drawAxesOf(about.axes, penOf(this.corners[p], CORNER, CORNER, ratio));
    }
  }

  drawAxesOf(axes, pen) {
    const t = this.camera.turn;
    const [x, y, length] = [34, CORNER - 34, 24];
    const names = axes.map((name) => name.match(/^principal axis (\d)/)?.[1] ?? name.replace(/^(.* axis|UMAP) /, ""));
    pen.font = "11px system-ui, sans-serif";
    pen.lineWidth = 1.5;
    names.forEach((name, k) => {
      const end = [x + length * t[k], y - length * t[3 + k]];
      if (Math.hypot(end[0] - x, end[1] - y) < 3) return;
      line(pen, [x, y], end, this.dark ? "#9a9aa8" : "#70707c");
      pen.fillStyle = this.dark ? "#c8c8d2" : "#50505c";
      pen.fillText(name, end[0] + 4 * t[k] - 3, end[1] - 6 * t[3 + k] + 4);
    });
  }

  zoom(factor, across, down, p) {
    const [, , width, height] = this.rectangle(p);
    this.camera.zoomAt(factor, across, down, width, height);
    this.ask();
  }

  /** Looks at the rows that are shown in the present frame. */
  fit() {
    if (this.asked) this.draw(); // at the present step
    const box = { low: [Infinity, Infinity, Infinity], high: [-Infinity, -Infinity, -Infinity] };
    for (const panel of this.panels) panel.widen(box, this.palette(panel.p));
    const [, , width, height] = this.rectangle(0);
    if (box.low[0] <= box.high[0]) this.camera.fit(box, width, height);
    this.ask();
  }

  /** The panel of a point of the view, and the point in it. */
  within([x, y]) {
    for (const { p } of this.panels) {
      const [left, top, width, height] = this.rectangle(p);
      if (x >= left && x < left + width && y >= top && y < top + height) return { p, x: x - left, y: y - top, width, height };
    }
    const [, , width, height] = this.rectangle(0);
    return { p: 0, x, y, width, height };
  }

  pickAt(point) {
    const { p, x, y, width, height } = this.within(point);
    return [p, this.panels[p].pick(x, y, this.camera, width, height, REACH, this.palette(p))];
  }

  /** Where a row is in the view [pixels]; null where it is not. */
  placeOf(p, row) {
    const place = this.panels[p].at(row);
    if (!place) return null;
    const [left, top, width, height] = this.rectangle(p);
    const [x, y] = this.camera.place(...place, width, height);
    return [left + x, top + y];
  }
}

/** A size for so many points [pixels]. */
function pointSize(count) {
  return count < 400 ? 8 : count < 3000 ? 6 : count < 15000 ? 4.5 : count < 40000 ? 3 : 2.2;
}

function ring(pen, x, y, radius, colour) {
  pen.strokeStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.stroke();
}

function line(pen, from, to, colour) {
  pen.strokeStyle = colour;
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}

function label(pen, text, x, y, colour, dark) {
  const shown = text.length > 28 ? `${text.slice(0, 27)}…` : text;
  pen.lineJoin = "round";
  const width = pen.lineWidth;
  pen.lineWidth = 3;
  pen.strokeStyle = dark ? "rgba(16, 17, 22, 0.9)" : "rgba(255, 255, 255, 0.9)";
  pen.strokeText(shown, x, y);
  pen.fillStyle = colour;
  pen.fillText(shown, x, y);
  pen.lineWidth = width;
}
