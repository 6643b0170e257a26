// What the mouse does in the picture: plant, choose with a click or a box, kick and move along an arrow.

import { css } from "../../viewing/client/colours.js";

const NEAR = 16; // pixels around a click in which a particle is looked for
const CLICK = 4; // pixels that a click may move
const MOST_RINGS = 4000;
const ACCENT = [232, 89, 12];

/** The tools by name; `look` has none: the camera takes the mouse. */
export const TOOLS = ["look", "plant", "choose", "kick", "move"];

export class Tool {
  /** @param does {plant(place), choose(rows, adds), kick(vector), move(vector), say(words)} */
  constructor(view, does) {
    this.view = view;
    this.does = does;
    this.name = "look";
    this.places = null;
    this.chosen = new Set(); // ids
    this.from = this.to = null;
    view.ornament = null;
  }

  use(name) {
    this.name = name;
    this.from = this.to = null;
    this.view.tool = name === "look" ? null : this;
    this.view.root.dataset.tool = name;
    this.refresh();
  }

  /** Draws what is chosen and under way, only where there is some of it. */
  refresh() {
    const busy = this.from !== null || this.chosen.size > 0;
    this.view.ornament = busy ? (pen) => this.draw(pen) : null;
    this.view.ask();
  }

  // --- mouse ---------------------------------------------------------------------------------------------------------

  down(point) {
    this.from = this.to = point;
    this.refresh();
    return true;
  }

  move(point) {
    this.to = point;
    this.refresh();
  }

  up(point) {
    const [from, to] = [this.from, point];
    this.from = this.to = null;
    if (to !== null && from !== null) this.finish(from, to, Math.hypot(to[0] - from[0], to[1] - from[1]) <= CLICK);
    this.refresh();
  }

  finish(from, to, isClick) {
    if (this.name === "plant") this.plant(to);
    else if (this.name === "choose") this.does.choose(isClick ? this.under(to) : this.within(from, to));
    else if (isClick) this.does.say("Press and draw an arrow: the way and how far.");
    else this.along(from, to);
  }

  plant(point) {
    const place = this.places.placeAt(point, this.view.source);
    if (place) this.does.plant(place);
    else this.does.say(this.places.space.picture === "sphere" ? "Click on the sphere." : "A click is no place in this picture: choose other axes.");
  }

  along(from, to) {
    const vector = this.places.vector(from, to);
    if (vector) this.does[this.name](vector);
    else this.does.say("The arrow has to begin and end in the space.");
  }

  /** Rows under a click. */
  under(point) {
    const { view } = this;
    const { p, x, y, width, height } = view.within(point);
    const row = view.panels[p].pick(x, y, view.camera, width, height, NEAR, view.palette(p));
    return row < 0 ? [] : [row];
  }

  /** Rows in a box of the view. */
  within([x0, y0], [x1, y1]) {
    const { view } = this;
    const [panel] = view.panels;
    const palette = view.palette(0);
    const [left, top, width, height] = view.rectangle(0);
    const rows = [];
    for (let row = 0; panel.cells && row < panel.about.count; row++) {
      if (!palette[4 * panel.codes[row] + 3]) continue;
      const [x, y] = view.camera.place(...panel.at(row), width, height);
      if ((left + x - x0) * (left + x - x1) <= 0 && (top + y - y0) * (top + y - y1) <= 0) rows.push(row);
    }
    return rows;
  }

  // --- drawing -------------------------------------------------------------------------------------------------------

  draw(pen) {
    this.drawChosen(pen);
    if (!this.from) return;
    pen.strokeStyle = pen.fillStyle = css(ACCENT);
    pen.lineWidth = 1.5;
    const [[x0, y0], [x1, y1]] = [this.from, this.to];
    if (this.name === "choose") {
      pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
      pen.fillStyle = css(ACCENT, 0.08);
      pen.fillRect(x0, y0, x1 - x0, y1 - y0);
    } else if (this.name !== "plant") {
      drawArrow(pen, x0, y0, x1, y1);
      const vector = this.places.vector(this.from, this.to);
      if (vector) caption(pen, lengthOf(vector), x1 + 10, y1 - 8, this.view.dark);
    }
  }

  drawChosen(pen) {
    const { view } = this;
    const [panel] = view.panels;
    if (!this.chosen.size || !panel.cells) return;
    const [left, top, width, height] = view.rectangle(0);
    const radius = 2.5 + view.size / 2;
    pen.strokeStyle = css(ACCENT, 0.9);
    pen.lineWidth = 1.3;
    pen.beginPath();
    let drawn = 0;
    for (let row = 0; row < panel.about.count && drawn < MOST_RINGS; row++) {
      if (!this.chosen.has(panel.rows.rows[row])) continue;
      const [x, y] = view.camera.place(...panel.at(row), width, height);
      pen.moveTo(left + x + radius, top + y);
      pen.arc(left + x, top + y, radius, 0, 2 * Math.PI);
      drawn++;
    }
    pen.stroke();
  }
}

function lengthOf(vector) {
  return Number(Math.hypot(...vector).toPrecision(3)).toString();
}

function drawArrow(pen, x0, y0, x1, y1) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  for (const side of [-1, 1]) {
    pen.moveTo(x1, y1);
    pen.lineTo(x1 - 11 * Math.cos(angle + 0.45 * side), y1 - 11 * Math.sin(angle + 0.45 * side));
  }
  pen.stroke();
}

function caption(pen, words, x, y, dark) {
  pen.font = "bold 12px system-ui, sans-serif";
  pen.lineWidth = 3;
  pen.strokeStyle = dark ? "rgba(16, 17, 22, 0.9)" : "rgba(255, 255, 255, 0.9)";
  pen.strokeText(words, x, y);
  pen.fillText(words, x, y);
}
