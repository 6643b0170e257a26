// What is chosen: particles by a click or a box, or a group, a structure, a tag. It can be tagged, kicked, moved, removed.

import { element } from "../../viewing/client/elements.js";

const MOST = 6000; // ids in a message
const PICKED = ""; // what was chosen in the picture

export class Selection {
  /** @param does {kick(of, vector), move(of, vector), tag(name, ids), remove(name), clear(), say(words)} */
  constructor(does) {
    this.does = does;
    this.ids = [];
    this.choice = element("select", { "aria-label": "what is chosen", onchange: () => this.update() });
    this.vector = element("input", { type: "text", "aria-label": "components", placeholder: "1, 0", spellcheck: "false" });
    this.name = element("input", { type: "text", "aria-label": "name of the tag", placeholder: "name", maxlength: "60", spellcheck: "false" });
    const button = (words, tip, act) => element("button", { title: tip, onclick: act }, words);
    this.kicks = button("kick", "add these components to the velocities", () => this.byComponents("kick"));
    this.moves = button("move", "displace by these components", () => this.byComponents("move"));
    this.tags = button("tag", "a name for these particles", () => this.tag());
    this.clears = button("none", "choose none (esc)", () => this.does.clear());
    this.removes = button("take away", "remove these particles", () => this.remove());
    this.root = element("div", { class: "selection" },
      element("div", { class: "row" }, this.choice, this.clears),
      element("div", { class: "row" }, this.vector, this.kicks, this.moves),
      element("div", { class: "row" }, this.name, this.tags, this.removes));
  }

  show({ groups, tags, verbs, space }) {
    this.dimension = space.dimension;
    this.verbs = verbs;
    const names = [...groups.filter((group) => group.count).map((group) => [group.name, group.count]), ...Object.entries(tags ?? {})];
    const before = this.choice.value;
    this.counts = new Map(names);
    this.picked = element("option", { value: PICKED }, "");
    this.choice.replaceChildren(this.picked, ...names.map(([name, count]) => element("option", { value: name }, `${name} (${count.toLocaleString("en")})`)));
    this.choice.value = this.counts.has(before) ? before : PICKED;
    this.vector.placeholder = space.dimension > 4 ? `${space.dimension} numbers` : Array.from({ length: space.dimension }, (_, k) => (k ? "0" : "1")).join(", ");
    this.update();
  }

  /** Chooses particles by their ids. */
  take(ids) {
    this.ids = ids;
    this.choice.value = PICKED;
    this.update();
  }

  update() {
    this.picked.textContent = this.ids.length ? `${this.ids.length.toLocaleString("en")} in the picture` : "nothing chosen";
    const isNamed = this.choice.value !== PICKED;
    const isAny = isNamed || this.ids.length > 0;
    this.clears.disabled = !isAny;
    this.removes.disabled = !isNamed || Boolean(this.verbs?.remove);
    this.tags.disabled = isNamed || !this.ids.length || Boolean(this.verbs?.tag);
    for (const [verb, button] of [["kick", this.kicks], ["move", this.moves]]) {
      button.disabled = !isAny || Boolean(this.verbs?.[verb]);
      if (this.verbs?.[verb]) button.title = this.verbs[verb];
    }
  }

  /** What an event names: a group, or ids; null where nothing is chosen. */
  get chosen() {
    if (this.choice.value !== PICKED) return { group: this.choice.value };
    if (!this.ids.length) this.does.say("Choose particles first: a click, a box, or a group.");
    else if (this.ids.length > MOST) this.does.say(`${this.ids.length.toLocaleString("en")} particles are too many for one touch: at most ${MOST.toLocaleString("en")}.`);
    else return { ids: this.ids };
    return null;
  }

  byComponents(verb) {
    const vector = this.vector.value.split(/[,;\s]+/).filter(Boolean).map(Number);
    if (vector.length !== this.dimension || !vector.every(Number.isFinite)) this.does.say(`${this.dimension} numbers are needed, such as ${this.vector.placeholder}.`);
    else this.along(verb, vector);
  }

  /** Kicks or moves what is chosen. */
  along(verb, vector) {
    const of = this.chosen;
    if (of) this.does[verb](of, vector);
  }

  tag() {
    const name = this.name.value.trim();
    if (!name) this.does.say("A tag needs a name.");
    else if (this.chosen) this.does.tag(name, this.ids);
  }

  remove() {
    this.does.remove(this.choice.value);
  }
}
