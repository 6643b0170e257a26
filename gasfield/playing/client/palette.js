// Shapes to plant with their parameters, and the structures that are there.

import { element } from "../../viewing/client/elements.js";

const FIRST = "sheet";

export class Palette {
  /** @param remove called with a name, follow with a name or null */
  constructor({ remove, follow }) {
    this.does = { remove, follow };
    this.kept = new Map(); // "shape parameter" -> text
    this.choice = element("select", { "aria-label": "shape", onchange: () => this.build() });
    this.name = element("input", { type: "text", "aria-label": "name", placeholder: "name", maxlength: "60", spellcheck: "false" });
    this.heat = element("input", { type: "text", inputmode: "decimal", class: "number", "aria-label": "temperature", value: "1" });
    this.heatRow = element("label", { hidden: true }, "temperature ", this.heat);
    this.frame = element("select", { "aria-label": "orientation" }, element("option", { value: "axes" }, "along the axes"), element("option", { value: "random" }, "turned at random"));
    this.fields = element("div", { class: "fields" });
    this.structures = element("div", { class: "structures" });
    this.root = element("div", { class: "palette" },
      element("div", { class: "fields" }, element("label", {}, "shape ", this.choice), element("label", {}, "name ", this.name)),
      this.fields, this.heatRow, element("label", {}, "placed ", this.frame), this.structures);
  }

  show({ shapes, groups, controls, lattice, tags }) {
    const kinds = shapes.map((shape) => shape.kind);
    if (kinds.join() !== this.kinds) {
      this.kinds = kinds.join();
      this.shapes = shapes;
      this.choice.replaceChildren(...kinds.map((kind) => element("option", { value: kind }, kind.replaceAll("_", " "))));
      this.choice.value = kinds.includes(FIRST) ? FIRST : kinds[0];
      this.build();
    }
    this.taken = new Set([...groups.map((group) => group.name), ...Object.keys(tags ?? {})]);
    const heats = controls.filter((control) => control.path.startsWith("temperature.groups."));
    this.heatRow.hidden = !heats.length;
    this.showStructures(groups.filter((group) => group.structure && group.count), lattice);
  }

  build() {
    const shape = this.shapes.find((each) => each.kind === this.choice.value);
    this.fields.replaceChildren(...shape.parameters.map((parameter) => this.field(shape.kind, parameter)));
  }

  field(kind, { name, type, default: given }) {
    const key = `${kind} ${name}`;
    const box = element("input", { type: "text", inputmode: "decimal", class: "number", "aria-label": name, "data-name": name, "data-type": type,
      value: this.kept.get(key) ?? String(given), oninput: () => this.kept.set(key, box.value) });
    return element("label", {}, `${name.replaceAll("_", " ")} `, box);
  }

  showStructures(groups, lattice) {
    const row = ({ name, count }) => {
      const follow = element("button", { class: name === lattice ? "small on" : "small", "aria-pressed": String(name === lattice), title: "its stretches and exponent among the numbers",
        onclick: () => this.does.follow(name === lattice ? null : name) }, "measure");
      const remove = element("button", { class: "small", title: `take ${name} away`, "aria-label": `take ${name} away`, onclick: () => this.does.remove(name) }, "✕");
      return element("div", { class: "row structure" }, element("span", { class: "token" }, name), element("span", { class: "faint" }, count.toLocaleString("en")), follow, remove);
    };
    this.structures.replaceChildren(...groups.map(row));
  }

  /** What is to be planted at a place, as in an event. */
  plantAt(place) {
    const shape = { kind: this.choice.value };
    for (const box of this.fields.querySelectorAll("input")) shape[box.dataset.name] = Number(box.value.replace(",", "."));
    const plant = { name: this.freeName(), shape, frame: { kind: this.frame.value }, place };
    if (!this.heatRow.hidden) plant.temperature = Number(this.heat.value);
    return plant;
  }

  /** The name that was typed, or that of the shape, with a number where it is taken. */
  freeName() {
    const wanted = this.name.value.trim() || this.choice.value.replaceAll("_", "-");
    let name = wanted;
    for (let number = 2; this.taken.has(name); number++) name = `${wanted}-${number}`;
    return name;
  }
}
