// The player: the point view of what the engine sends, and everything that can be done to it.

import { Colouring } from "../../viewing/client/colours.js";
import { element } from "../../viewing/client/elements.js";
import { legendOf } from "../../viewing/client/legend.js";
import { pngOf, save } from "../../viewing/client/still.js";
import { View } from "../../viewing/client/view.js";
import { Bar } from "./bar.js";
import { HELP, actOf } from "./keys.js";
import { LiveSource } from "./live.js";
import { Notice } from "./notice.js";
import { LiveNumbers } from "./numbers.js";
import { Palette } from "./palette.js";
import { Places } from "./places.js";
import { Selection } from "./selection.js";
import { Sliders } from "./sliders.js";
import { Tool } from "./tools.js";
import { Touches } from "./touches.js";
import { Transport } from "./transport.js";
import { underlayLines } from "./underlay.js";
import { Refusal } from "./wire.js";

/** Where it is: the element that has the theme, what listens to keys, and who takes a title. */
const WHOLE_PAGE = { theme: document.documentElement, keys: document, name: (title) => (document.title = title) };
const MOST_HOVERED = 20000; // particles
const LEGEND_EVERY = 500; // ms
const IN_SIGHT = 0.35; // how far from the middle of the picture a gas may be, in parts of its sides

export class Player {
  /** @param root an element that it fills; wire: to the engine; hello: its first description; place: see WHOLE_PAGE */
  constructor(root, wire, hello, place) {
    [this.root, this.wire, this.place] = [root, wire, place];
    this.source = new LiveSource();
    this.source.describe(hello);
    this.undo = 0;
    this.framed = this.framesDrawn = 0;
    this.notice = new Notice();
    this.build();
    this.view = new View(this.stage, this.source, new Colouring("group", this.source.description.panels));
    this.stage.append(this.tip, this.notice.root);
    this.tool = new Tool(this.view, { plant: (place) => this.plant(place), choose: (rows) => this.choose(rows), kick: (by) => this.selection.along("kick", by), move: (by) => this.selection.along("move", by), say: (words) => this.notice.say(words) });
    this.view.onpick = (p, row) => this.choose(row < 0 ? [] : [row]);
    this.view.ondrawn = () => this.drawn();
    this.listen();
    this.setTheme(window.matchMedia("(prefers-color-scheme: dark)").matches);
    this.use("look");
    this.met(hello);
    this.touches.load(hello.touchlist ?? []);
    if (!hello.numbers.length) this.measure(hello.groups);
    if (hello.underlays?.length && this.bar.seen.underlay === "none") this.look({ ...this.bar.seen, underlay: hello.underlays.includes("energy") ? "energy" : "field" });
  }

  /** Where there are no other numbers, those of a structure. */
  measure(groups) {
    const last = groups.findLast((group) => group.structure && group.count);
    if (last) this.ask("lattice", last.name);
  }

  // --- what it is made of --------------------------------------------------------------------------------------------

  build() {
    const does = (verb) => (value) => this.ask(verb, value);
    this.transport = new Transport({ pause: does("pause"), step: () => this.ask("step", 1), speed: does("speed"), undo: () => this.takeBack(), restart: () => this.restart() });
    this.bar = new Bar({ tool: (name) => this.use(name), look: (look) => this.look(look), trails: (length) => this.setTrails(length), say: (words) => this.notice.say(words) });
    this.sliders = new Sliders({
      set: (path, value, gesture) => (value === null ? this.notice.say("A number is needed.") : this.touch("set", { [path]: value }, gesture)),
      flip: (number, on) => this.touch("switch", { [`forces.${number}`]: on ? "on" : "off" }),
    });
    this.palette = new Palette({ remove: (name) => this.touch("remove", name), follow: (name) => this.ask("lattice", name) });
    this.selection = new Selection({
      kick: (of, velocity) => this.touch("kick", { ...of, velocity }), move: (of, by) => this.touch("move", { ...of, by }),
      tag: (name, ids) => this.touch("tag", { name, ids }), remove: (name) => this.touch("remove", name), clear: () => this.choose([]), say: (words) => this.notice.say(words),
    });
    this.touches = new Touches();
    this.stage = element("div", { class: "stage" });
    this.tip = element("div", { class: "tip", hidden: true });
    this.heading = element("h1", {});
    this.hints = element("ol", { class: "hints" });
    this.legend = element("div", {});
    this.stripRoot = element("div", { class: "strips" });
    this.numbers = new LiveNumbers(this.stripRoot);
    const button = (words, tip, act) => element("button", { title: tip, "aria-label": tip, onclick: act }, words);
    this.kept = element("span", { class: "kept", title: "the session is recorded", hidden: true }, "● rec");
    this.root.classList.add("viewer", "player");
    this.root.append(
      element("header", {}, this.heading, this.transport.root, element("div", { class: "row" }, this.kept, button("PNG", "a still as PNG (p)", () => this.still()), button("◐", "dark or light (d)", () => this.setTheme(!this.view.dark)))),
      this.bar.root, this.stage, this.stripRoot, this.side());
  }

  side() {
    const part = (words, open, ...content) => element("details", { class: "part", open }, element("summary", {}, words), ...content);
    this.tryPart = part("Try this", true, this.hints);
    return element("aside", {}, this.tryPart,
      part("Controls", true, this.sliders.root), part("Plant", true, this.palette.root), part("Chosen", true, this.selection.root),
      part("Touches", true, this.touches.root), part("Colours", true, this.legend), part("Keys", false, element("p", { class: "faint" }, HELP)));
  }

  // --- what comes from the engine ------------------------------------------------------------------------------------

  listen() {
    const { wire } = this;
    wire.onhello = (hello) => this.met(hello);
    wire.onstate = (state) => this.goesOn(state);
    wire.onframe = (frame) => this.frame(frame);
    wire.onrefused = (words) => this.notice.say(words);
    wire.onended = (words) => ((this.hasEnded = true), this.notice.stand(words || "The engine has ended."));
    wire.onlost = () => this.hasEnded || this.notice.stand("The connection is closed; the engine may have ended.", "connect again", () => window.location.reload());
    this.place.keys.addEventListener("keydown", (event) => this.key(event));
  }

  /** What is played with has changed, or is known for the first time. */
  met(hello) {
    const looks = JSON.stringify([hello.space, hello.look?.axes]);
    const isMoved = this.looks !== undefined && this.looks !== looks;
    this.looks = looks;
    this.hello = hello;
    this.source.describe(hello);
    if (isMoved) this.source.forget();
    if (isMoved || !this.places) this.view.lookAnew();
    this.places = this.tool.places = new Places(this.view, hello);
    if (hello.look?.underlay === "none") this.setUnderlay(null);
    this.recolour(hello.look?.colour ?? "group");
    for (const part of [this.bar, this.sliders, this.palette, this.selection]) part.show(hello);
    this.numbers.show(hello.numbers);
    this.heading.textContent = hello.title || hello.scenario;
    this.heading.title = hello.question;
    this.kept.hidden = !hello.recording;
    this.place.name(`${hello.title || hello.scenario} - gasfield`);
    this.tryPart.hidden = !hello.try.length;
    this.hints.replaceChildren(...hello.try.map((words) => element("li", {}, words)));
    if (hello.paused !== undefined) this.transport.show({ paused: hello.paused, speed: hello.speed, undo: this.undo });
  }

  goesOn(state) {
    this.undo = state.undo;
    this.transport.show(state);
    this.touches.cut(state.touches);
    this.notice.stand(state.reason ?? "", "undo", state.reason && state.undo ? () => this.takeBack() : null);
  }

  frame(frame) {
    const { header, arrays, shapes } = frame;
    const { view, source } = this;
    if (source.adopt(frame)) {
      view.adopt();
      this.tip.hidden = true;
      this.tool.places = this.places = new Places(view, this.hello);
      view.onhover = header.count > MOST_HOVERED ? null : (p, row) => this.hover(row);
      this.showLegend();
    }
    if (header.underlay !== undefined) this.setUnderlay(header.underlay && { about: header.underlay, values: arrays.underlay, shape: shapes.underlay });
    view.panels[0].frame = -1; // to be taken anew
    view.panels[0].underlay = this.underlay;
    if (arrays.colour) this.rescale();
    this.framed = header.number;
    view.step = header.step;
    this.keepInSight(arrays.points, header.count);
    view.ask();
    this.transport.at(header.step, header.time);
    this.numbers.take(header);
    this.at = header;
  }

  /** A picture was drawn: the next frame may come. */
  drawn() {
    if (!this.framed) return;
    this.wire.tell("ready", this.framed);
    this.framed = 0;
    this.framesDrawn++;
    if (!this.tip.hidden) this.hover(this.hovered);
    this.root.dataset.step = this.at.step;
  }

  /** In a space without walls the camera goes after a gas that is about to leave the picture. */
  keepInSight(points, count) {
    const { view, source } = this;
    if (source.panel.outline || !count) return;
    const { low, side } = view.cube;
    const centre = [0, 1, 2].map((k) => {
      let sum = 0;
      for (let i = 0; k < source.panel.axes.length && i < count; i++) sum += points[k * count + i];
      return k < source.panel.axes.length ? (sum / count - low[k]) / side : view.camera.centre[k];
    });
    const [, , width, height] = view.rectangle(0);
    const [x, y] = view.camera.place(...centre, width, height);
    if (Math.abs(x / width - 0.5) > IN_SIGHT || Math.abs(y / height - 0.5) > IN_SIGHT) view.camera.centre = centre;
  }

  setUnderlay(underlay) {
    this.under = underlay;
    this.underlay = underlay && underlayLines(underlay.about, underlay.values, underlay.shape, this.view.cube, this.view.dark);
    this.view.panels[0].underlay = this.underlay;
    this.view.ask();
  }

  recolour(name) {
    if (name !== this.source.panel.channels[0].name || name !== this.view.colouring.name) this.source.recolour(name);
    const { hidden } = this.view.colouring;
    this.view.colouring = new Colouring(name, this.source.description.panels);
    this.view.colouring.hidden = hidden;
    this.showLegend();
    this.view.ask();
  }

  /** The ends of the scale of colours have moved. */
  rescale() {
    this.view.colouring = new Colouring(this.view.colouring.name, this.source.description.panels);
    const now = performance.now();
    if (now - (this.legendShown ?? 0) > LEGEND_EVERY) this.showLegend();
  }

  showLegend() {
    this.legendShown = performance.now();
    this.legend.replaceChildren(legendOf(this.view, () => (this.view.ask(), this.showLegend())));
  }

  // --- what is done --------------------------------------------------------------------------------------------------

  /** Asks for something; what is refused is said. */
  async ask(verb, value) {
    try {
      return await this.wire.ask(verb, value);
    } catch (fault) {
      if (!(fault instanceof Refusal)) throw fault;
      this.notice.say(fault.message);
      return null;
    }
  }

  /** A touch. */
  async touch(verb, value, gesture = "") {
    const done = await this.ask(verb, value);
    if (done) {
      if (verb === "plant") this.ask("lattice", value.name);
      this.touches.add(done.touch, gesture);
      this.undo = done.undo;
    } else {
      this.sliders.show(this.hello);
    }
    return done;
  }

  plant(place) {
    return this.touch("plant", this.palette.plantAt(place));
  }

  /** Takes the last touch back; all values of one drag at once. */
  async takeBack() {
    const count = Math.min(this.touches.lastCount, Math.max(this.undo, 1));
    let done = null;
    for (let i = 0; i < count; i++) done = (await this.ask("undo", true)) ?? done;
    if (done) this.touches.cut(done.touches);
  }

  restart() {
    const count = this.at?.touches ?? 0;
    const act = async () => (await this.ask("restart", true)) && this.touches.cut(0);
    if (count) this.notice.say(`Back to the start? ${count === 1 ? "The touch is" : `All ${count} touches are`} undone.`, "go back", act);
    else act();
  }

  async look(look) {
    await this.ask("look", look);
    this.bar.show(this.hello);
  }

  /** Chooses rows of the present frame. */
  choose(rows) {
    const ids = Array.from(rows, (row) => this.source.ids[row]);
    this.tool.chosen = new Set(ids);
    this.selection.take(ids);
    this.tool.refresh();
  }

  use(name) {
    if (this.hello?.verbs[name]) {
      this.notice.say(this.hello.verbs[name]);
      return;
    }
    this.tool.use(name);
    this.bar.choose(name);
  }

  setTrails(length) {
    this.bar.trail.value = String(length);
    this.view.trails = length;
    this.view.ask();
  }

  setTheme(dark) {
    this.place.theme.dataset.theme = dark ? "dark" : "light";
    this.view.dark = this.numbers.dark = dark;
    if (this.under) this.setUnderlay(this.under);
    this.numbers.draw(true);
    this.showLegend();
    this.view.ask();
  }

  /** Says who is under the mouse, and goes with it. */
  hover(row) {
    this.hovered = row;
    const place = row < 0 || this.tool.from ? null : this.view.placeOf(0, row);
    this.tip.hidden = !place;
    if (!place) return;
    this.tip.textContent = `${this.source.panel.groups[this.source.group[row]]} ${this.source.ids[row]}`;
    this.tip.style.left = `${Math.min(place[0] + 12, this.stage.clientWidth - 120)}px`;
    this.tip.style.top = `${Math.max(place[1] - 30, 0)}px`;
  }

  async still() {
    const { header = this.at } = {};
    const caption = [this.heading.textContent, `step ${header?.step ?? 0}, coloured by ${this.view.colouring.name}; gasfield play ${this.hello.scenario}`];
    save(await pngOf(this.view, caption), `${this.hello.scenario}-${header?.step ?? 0}.png`);
  }

  resize(factor) {
    this.view.size = Math.min(Math.max(this.view.size * factor, 1), 40);
    this.view.ask();
  }

  key(event) {
    const act = actOf(this, event);
    if (!act) return;
    event.preventDefault();
    act();
  }
}

/** Plays over a wire once the engine has said what with; what goes wrong is said in the page. */
export function play(root, wire, place = WHOLE_PAGE) {
  const waiting = element("p", { class: "waiting" }, "waiting for the engine…");
  root.append(waiting);
  return new Promise((resolve, reject) => {
    const early = [];
    wire.onframe = (frame) => early.push(frame);
    wire.onlost = () => (waiting.textContent = "There is no connection to the engine. Is `gasfield play` still running?");
    wire.onhello = (hello) => {
      try {
        waiting.remove();
        const player = new Player(root, wire, hello, place);
        early.forEach((frame) => player.frame(frame));
        root.dataset.ready = "true";
        resolve(player);
      } catch (fault) {
        waiting.textContent = `This page cannot be shown: ${fault.message}`;
        root.append(waiting);
        reject(fault);
      }
    };
  });
}
