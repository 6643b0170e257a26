// The bar above the picture: what the mouse does, and what is shown.

import { element } from "../../viewing/client/elements.js";
import { TOOLS } from "./tools.js";

const TIPS = {
  look: "turn, move and zoom (1)", plant: "click to plant the shape (2)", choose: "a click or a box chooses particles (3)",
  kick: "draw an arrow: a velocity that is added to what is chosen (4)", move: "draw an arrow: a displacement of what is chosen (5)",
};
const LENGTHS = [0, 5, 20, 100];
const UNDERLAYS = { none: "nothing", field: "streamlines", energy: "contours" };

export class Bar {
  /** @param does {tool(name), look({axes, colour, underlay}), trails(length), say(words)} */
  constructor(does) {
    this.does = does;
    this.tools = new Map(TOOLS.map((name) => [name, element("button", { title: TIPS[name], "aria-pressed": "false", "data-tool": name, onclick: () => does.tool(name) }, name)]));
    this.colour = element("select", { "aria-label": "colour by", onchange: () => this.look({ colour: this.colour.value }) });
    this.trail = element("select", { "aria-label": "trails", onchange: () => does.trails(Number(this.trail.value)) },
      ...LENGTHS.map((count) => element("option", { value: String(count) }, count ? `${count} frames` : "none")));
    this.under = element("select", { "aria-label": "underneath", onchange: () => this.look({ underlay: this.under.value }) });
    this.axes = element("input", { type: "text", "aria-label": "axes", size: "6", placeholder: "0, 1, 2", title: "coordinates to look along, two or three; empty: principal axes", onchange: () => this.lookAlong() });
    this.underLabel = element("label", {}, "under ", this.under);
    this.axesLabel = element("label", {}, "axes ", this.axes);
    this.root = element("div", { class: "looks" }, element("div", { class: "tools", role: "toolbar", "aria-label": "what the mouse does" }, ...this.tools.values()),
      element("div", { class: "row" }, element("label", {}, "colour ", this.colour), element("label", {}, "trails ", this.trail), this.underLabel, this.axesLabel));
    this.seen = { axes: null, colour: "group", underlay: "none" };
  }

  show({ colours, underlays, look, space, verbs }) {
    this.seen = look ?? this.seen;
    const all = colours.includes("group") ? colours : ["group", ...colours];
    fill(this.colour, all.map((name) => [name, name]), this.seen.colour);
    const kinds = ["none", ...(underlays ?? [])];
    fill(this.under, kinds.map((kind) => [kind, UNDERLAYS[kind]]), this.seen.underlay);
    this.underLabel.hidden = kinds.length < 2;
    this.axesLabel.hidden = space.dimension < 4;
    if (this.axes.getRootNode().activeElement !== this.axes) this.axes.value = this.seen.axes ? this.seen.axes.join(", ") : "";
    for (const [verb, button] of this.tools) {
      button.disabled = Boolean(verbs[verb]);
      button.title = verbs[verb] || TIPS[verb];
    }
  }

  look(change) {
    this.does.look({ ...this.seen, ...change });
  }

  lookAlong() {
    const words = this.axes.value.split(/[,;\s]+/).filter(Boolean);
    const axes = words.map(Number);
    this.axes.blur();
    if (!words.length) this.look({ axes: null, underlay: "none" });
    else if (axes.every((axis) => Number.isInteger(axis) && axis >= 0)) this.look({ axes, underlay: "none" });
    else this.does.say("Two or three coordinates are needed, such as 0, 1.");
  }

  choose(name) {
    for (const [each, button] of this.tools) {
      button.classList.toggle("on", each === name);
      button.setAttribute("aria-pressed", String(each === name));
    }
  }

  /** The next one of a choice, as by a key. */
  next(select) {
    if (select.options.length < 2) return;
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    select.dispatchEvent(new Event("change"));
  }
}

function fill(select, options, value) {
  const words = options.map(([name]) => name).join();
  if (select.dataset.options !== words) select.replaceChildren(...options.map(([name, shown]) => element("option", { value: name }, shown)));
  select.dataset.options = words;
  select.value = value;
}
