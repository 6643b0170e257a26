// A slider and a number for everything that can be set, and a switch for every force.

import { element, short } from "../../viewing/client/elements.js";

const TICKS = 1000;
const APART = 200; // ms between two values while a slider is dragged

export class Sliders {
  /** @param set called with (path, value, gesture), flip with (number, on); they return promises */
  constructor({ set, flip }) {
    this.does = { set, flip };
    this.root = element("div", { class: "controls" });
    this.rows = new Map(); // path -> Slider
    this.shape = "";
  }

  /** Shows what can be set now; what is being dragged or typed into stays. */
  show({ controls, forces, verbs }) {
    const shape = JSON.stringify([controls.map((each) => each.path), forces.map((each) => each.label)]);
    if (shape !== this.shape) this.build(controls, forces, verbs);
    this.shape = shape;
    for (const control of controls) this.rows.get(control.path).show(control);
    for (const force of forces) {
      const box = this.boxes.get(force.number);
      box.checked = force.on;
      box.closest("section").classList.toggle("off", !force.on);
    }
  }

  build(controls, forces, verbs) {
    this.rows = new Map(controls.map((control) => [control.path, new Slider(control, this.does.set, verbs.set)]));
    this.boxes = new Map();
    const of = (belongs) => controls.filter((control) => belongs(control.path)).map((control) => this.rows.get(control.path).root);
    const first = of((path) => !path.startsWith("forces."));
    this.root.replaceChildren(
      ...(first.length ? [element("section", {}, ...first)] : []),
      ...forces.map((force) => element("section", {}, this.heading(force, verbs), ...of((path) => path.startsWith(`forces.${force.number}.`)))));
  }

  heading(force, verbs) {
    const box = element("input", { type: "checkbox", checked: force.on, disabled: Boolean(verbs.switch), onchange: () => this.does.flip(force.number, box.checked) });
    this.boxes.set(force.number, box);
    const words = force.label.replaceAll("_", " ");
    return element("label", { class: "switch", title: verbs.switch ?? `${words}: on or off` }, box, element("span", {}, words));
  }
}

/** One number with its slider. */
class Slider {
  constructor(control, set, refused) {
    this.path = control.path;
    this.set = set;
    this.gesture = 0;
    this.busy = false;
    const name = control.label.includes(":") ? control.label.slice(control.label.indexOf(":") + 1).trim() : control.label;
    const properties = { "aria-label": control.label, disabled: Boolean(refused) };
    this.range = element("input", { type: "range", min: "0", max: String(TICKS), step: "1", ...properties, oninput: () => this.drag(), onchange: () => this.drop() });
    this.typed = element("input", { type: "text", inputmode: "decimal", class: "number", ...properties, onchange: () => this.type() });
    this.note = element("span", { class: "faint" });
    this.root = element("div", { class: "slider", "data-path": control.path, title: `${control.path}${control.unit ? ` [${control.unit}]` : ""}` },
      element("span", { class: "name" }, name.replace(/^parameters /, "")), this.note, this.typed, this.range);
  }

  show(control) {
    this.control = control;
    this.note.textContent = control.schedule ? "follows a schedule" : "";
    if (this.held || this.typed.getRootNode().activeElement === this.typed) return;
    this.value = control.value;
    this.typed.value = short(control.value);
    this.range.value = String(Math.round(TICKS * shareOf(control, control.value)));
    this.range.setAttribute("aria-valuetext", this.typed.value);
  }

  /** While it is dragged: a value at a time, not more often than a few times a second, the last one at the end. */
  drag() {
    if (!this.held) this.gesture++;
    this.held = true;
    this.value = worthOf(this.control, Number(this.range.value) / TICKS);
    this.typed.value = short(this.value);
    this.wanted = true;
    if (!this.busy) this.send();
  }

  async send() {
    this.busy = true;
    while (this.wanted) {
      this.wanted = false;
      const rest = new Promise((resolve) => setTimeout(resolve, APART));
      await this.set(this.path, this.value, `${this.path} ${this.gesture}`);
      await rest;
    }
    this.busy = false;
    if (this.dropped) this.held = this.dropped = false;
  }

  drop() {
    this.dropped = true;
    if (!this.busy) this.held = this.dropped = false;
  }

  async type() {
    const value = Number(this.typed.value.trim().replace(",", "."));
    const isNumber = this.typed.value.trim() !== "" && Number.isFinite(value);
    this.typed.blur();
    this.wanted = this.held = false; // what a drag before it still wanted
    if (isNumber) await this.set(this.path, value, `${this.path} ${++this.gesture}`);
    else await this.set(this.path, null, "");
    this.show(this.control);
  }
}

/** Where a value is on a slider, from 0 to 1. */
function shareOf({ low, high, scale }, value) {
  const share = scale === "log" ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(Math.max(Number.isFinite(share) ? share : 0, 0), 1);
}

/** The value at a place on a slider, with as many digits as it can tell. */
function worthOf({ low, high, scale }, share) {
  if (scale === "log") return Number((low * (high / low) ** share).toPrecision(3));
  const digits = Math.max(0, Math.ceil(Math.log10(TICKS / Math.max(high - low, 1e-300))));
  return Number((low + share * (high - low)).toFixed(Math.min(digits, 20)));
}
