// The page of a sweep: its diagram with the controls around it, and what is behind a point.

import { css, numberColour } from "./colours.js";
import { Diagram } from "./diagram.js";
import { element, short } from "./elements.js";
import { rastered, save } from "./still.js";
import { failedPoints, pointDetails, transitionsOf } from "./sweep_details.js";

const SHOWN = { mean: "mean over seeds", meanError: "standard error of the mean", scatter: "scatter between seeds", ratio: "scatter / errors of seeds" };
const HELP = "← → ↑ ↓ from point to point · esc none · r R next or previous result · x y next key across or up · m map or lines · v what is shown · d dark · p PNG · s SVG";
const MAP_FROM = 3;

export class SweepPage {
  /** @param root an element that it fills; source: see sweep_source.js */
  constructor(root, source) {
    this.root = root;
    this.source = source;
    const { keys, chosen } = source.description;
    this.free = keys.map((_, key) => key).filter((key) => keys[key].values.length > 1);
    this.state = { result: chosen, shown: "mean", selected: -1, fixed: new Map() };
    this.dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    this.chooseAxes();
    this.build();
    this.stage.addEventListener("click", (event) => this.clicked(event));
    this.stage.addEventListener("pointermove", (event) => this.hover(event));
    this.stage.addEventListener("pointerleave", () => (this.tip.hidden = true));
    document.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.numbers && this.draw()).observe(this.stage);
  }

  // --- what it is made of --------------------------------------------------------------------------------------------

  /** The key of the transition, else that with most numbers, lies across; numbers before names. */
  chooseAxes() {
    const { keys, transitions } = this.source.description;
    const located = transitions.find((each) => each.result === this.state.result && each.place);
    const rank = (key) => (located && located.along === key ? -1e9 : keys[key].numeric ? -keys[key].values.length : 1e6);
    const [x = -1, ...others] = [...this.free].sort((a, b) => rank(a) - rank(b));
    this.state.x = x;
    this.state.y = others[0] ?? -1;
    this.state.map = this.state.y >= 0 && [x, this.state.y].every((key) => keys[key].numeric) && keys[this.state.y].values.length >= MAP_FROM;
  }

  build() {
    const { description } = this.source;
    const button = (words, tip, act) => element("button", { title: tip, onclick: act }, words);
    const select = (name, options, act) => element("select", { "aria-label": name, onchange: (event) => act(event.target.value) }, ...options.map(([value, words]) => element("option", { value: String(value) }, words)));
    const { keys } = description;
    this.choices = {
      result: select("result", description.results.map((each, i) => [i, `${each.name}${each.unit === "1" ? "" : ` [${each.unit}]`}`]), (value) => this.set({ result: Number(value) })),
      shown: select("shown", Object.entries(SHOWN), (value) => this.set({ shown: value })),
      x: select("across", this.free.map((key) => [key, keys[key].name]), (value) => this.setAxis("x", Number(value))),
      y: select("second key", [[-1, "none"], ...this.free.map((key) => [key, keys[key].name])], (value) => this.setAxis("y", Number(value))),
      map: select("as", [["true", "a map"], ["false", "lines"]], (value) => this.set({ map: value === "true" })),
    };
    this.fixedRoot = element("span", { class: "row" });
    this.stage = element("div", { class: "stage", tabindex: "0" });
    this.tip = element("div", { class: "tip", hidden: true });
    this.legend = element("div", { class: "legend" });
    this.details = element("div", { class: "details", "aria-live": "polite" });
    this.transitionRoot = element("div", { class: "transitions" });
    const labelled = (words, control) => element("label", {}, `${words} `, control);
    this.root.append(
      element("header", {}, element("h1", {}, description.title), element("div", { class: "row" },
        button("PNG", "a still as PNG (p)", () => this.still("png")), button("SVG", "a still as SVG (s)", () => this.still("svg")), button("◐", "dark or light (d)", () => this.setTheme(!this.dark)))),
      element("div", { class: "controls row" }, labelled("result", this.choices.result), this.choices.shown,
        ...(this.free.length ? [labelled("over", this.choices.x), labelled("and", this.choices.y), labelled("as", this.choices.map)] : []), this.fixedRoot),
      element("div", { class: "drawing" }, this.stage, this.legend),
      element("aside", {}, description.question ? element("p", { class: "question" }, description.question) : null, this.details, this.transitionRoot,
        failedPoints(this.source, (point) => this.goTo(point)), this.about()));
    this.stage.append(this.tip);
    this.root.classList.add("viewer", "sweep");
  }

  about() {
    const { description, count } = this.source;
    const status = description.rows.status;
    const number = (wanted) => status.filter((each) => each === wanted).length.toLocaleString("en");
    const facts = [
      ["directory", description.folder],
      ["points", `${count.toLocaleString("en")}, ${status.length.toLocaleString("en")} runs with seeds: ${number(1)} done, ${number(2)} failed, ${number(0)} to be made`],
      ...description.keys.map((key) => [key.name, key.values.length > 1 ? `${key.values.length} values` : String(key.values[0])]),
      ...description.notes.map((note) => ["note", note]),
    ];
    return element("details", { class: "about" }, element("summary", {}, "about this page"),
      element("dl", {}, ...facts.flatMap(([name, words]) => [element("dt", {}, name), element("dd", {}, words)])),
      element("p", {}, `made by gasfield ${description.version}. Bands and ± are one standard error of the mean over seeds; of a single seed, that of its run.`), element("p", {}, HELP));
  }

  // --- what can be done ----------------------------------------------------------------------------------------------

  /** Changes what is shown. */
  async set(changes) {
    Object.assign(this.state, changes);
    await this.refresh();
  }

  setAxis(axis, key) {
    const other = axis === "x" ? "y" : "x";
    const changes = { [axis]: key };
    if (key === this.state[other]) changes[other] = this.state[axis];
    if (changes.x === -1) changes.x = this.free.find((each) => each !== key) ?? key;
    return this.set(changes);
  }

  async select(point) {
    this.state.selected = point;
    this.draw();
    await this.showDetails();
  }

  /** Selects a point wherever it is: the keys that are on no axis take its values. */
  async goTo(point) {
    for (const key of this.others()) this.state.fixed.set(key, this.source.at(key, point));
    this.state.selected = point;
    await this.refresh();
  }

  /** Keys on no axis. */
  others() {
    return this.free.filter((key) => key !== this.state.x && key !== this.state.y);
  }

  async refresh() {
    const { source, state } = this;
    this.numbers = await source.result(state.result);
    for (const key of [...state.fixed.keys()]) if (!this.others().includes(key)) state.fixed.delete(key);
    const known = this.known();
    for (const key of this.others()) if (!state.fixed.has(key)) state.fixed.set(key, source.at(key, known));
    for (const name of ["result", "shown", "x", "y", "map"]) this.choices[name].value = String(state[name]);
    this.choices.map.disabled = state.y < 0;
    this.showFixed();
    if (!this.points().includes(state.selected)) state.selected = -1;
    this.draw();
    this.transitionRoot.replaceChildren(transitionsOf(source, state.result));
    await this.showDetails();
  }

  /** A point with a number, the selected one if there is one. */
  known() {
    if (this.state.selected >= 0) return this.state.selected;
    return Math.max(this.numbers.mean.findIndex(Number.isFinite), 0);
  }

  showFixed() {
    const { source, state } = this;
    this.fixedRoot.replaceChildren(...this.others().map((key) => {
      const { name, values } = source.description.keys[key];
      const choice = element("select", { "aria-label": name, onchange: (event) => (state.fixed.set(key, Number(event.target.value)), this.refresh()) },
        ...values.map((_, i) => element("option", { value: String(i) }, source.word(key, i))));
      choice.value = String(state.fixed.get(key));
      return element("label", {}, `${name} = `, choice);
    }));
  }

  /** Points whose keys on no axis have the values that were chosen. */
  points() {
    const { fixed } = this.state;
    return [...Array(this.source.count).keys()].filter((point) => [...fixed].every(([key, number]) => this.source.at(key, point) === number));
  }

  draw() {
    const { source, state, stage } = this;
    const result = source.description.results[state.result];
    const map = state.map && state.y >= 0;
    const unit = state.shown === "ratio" ? "1" : result.unit;
    this.label = `${state.shown === "mean" ? "" : `${SHOWN[state.shown]}: `}${result.name}${unit === "1" ? "" : ` [${unit}]`}`;
    const located = source.description.transitions.filter((each) => each.result === state.result && each.at.every(([key, number]) => !state.fixed.has(key) || state.fixed.get(key) === number));
    this.diagram = new Diagram(source, {
      points: this.points(), x: state.x, y: state.y, map, numbers: this.numbers[state.shown], errors: state.shown === "mean" ? this.numbers.meanError : null,
      label: this.label, transitions: located, selected: state.selected, dark: this.dark, width: stage.clientWidth, height: stage.clientHeight,
    });
    this.svg?.remove();
    this.svg = this.diagram.svg();
    stage.prepend(this.svg);
    this.legend.replaceChildren(...(map ? this.scale() : this.lines()));
  }

  scale() {
    const { diagram } = this;
    if (!(diagram.least <= diagram.most)) return [];
    const bar = element("div", { class: "scale" });
    bar.style.background = `linear-gradient(to right, ${[0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map((share) => css(numberColour(share, this.dark))).join(", ")})`;
    return [bar, element("div", { class: "row spread" }, element("span", {}, short(diagram.least)), element("span", { class: "faint" }, `${this.label}${diagram.logarithmic ? ", logarithmic" : ""}`), element("span", {}, short(diagram.most)))];
  }

  lines() {
    const { diagram, state } = this;
    if (state.y < 0) return [];
    return [element("span", { class: "faint" }, this.source.description.keys[state.y].name), ...diagram.series.map((number) => {
      const swatch = element("i", { class: "swatch" });
      swatch.style.background = diagram.seriesColour(number);
      return element("span", { class: "entry" }, swatch, this.source.word(state.y, number));
    })];
  }

  async showDetails() {
    const { source, state } = this;
    if (state.selected < 0) this.details.replaceChildren(element("p", { class: "faint" }, "Click a point for its values, its seeds and its runs; arrow keys go on from there."));
    else this.details.replaceChildren(await pointDetails(source, state.selected, state.result));
  }

  clicked(event) {
    const point = this.pointAt(event);
    this.select(point);
  }

  pointAt(event) {
    const found = event.target.closest?.("[data-point]");
    return found ? Number(found.dataset.point) : -1;
  }

  hover(event) {
    const point = this.pointAt(event);
    this.tip.hidden = point < 0;
    if (point < 0) return;
    const box = this.stage.getBoundingClientRect();
    const value = this.numbers[this.state.shown][point];
    const { failed } = this.source.counts(point);
    this.tip.textContent = `${this.source.place(point)}: ${Number.isFinite(value) ? short(value) : failed ? "failed" : "no number"}`;
    this.tip.style.left = `${Math.max(Math.min(event.clientX - box.left + 12, box.width - this.tip.offsetWidth - 4), 0)}px`;
    this.tip.style.top = `${Math.max(event.clientY - box.top - 34, 0)}px`;
  }

  setTheme(dark) {
    this.dark = dark;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    if (this.numbers) this.draw();
  }

  async still(kind) {
    const { description } = this.source;
    const { clientWidth: width, clientHeight: height } = this.stage;
    const { inks, series } = this.diagram;
    const named = this.state.y >= 0 && !this.diagram.map ? `; lines: ${description.keys[this.state.y].name} = ${series.slice(0, 12).map((number) => this.source.word(this.state.y, number)).join(", ")}` : "";
    const range = this.diagram.map && this.diagram.least <= this.diagram.most ? `, ${short(this.diagram.least)} to ${short(this.diagram.most)}` : "";
    const whole = this.svg.cloneNode(true);
    whole.setAttribute("height", height + 46);
    whole.setAttribute("viewBox", `0 0 ${width} ${height + 46}`);
    whole.firstChild.setAttribute("height", height + 46);
    const captions = [description.title, `${this.label}${range}${named}${this.state.fixed.size ? `; ${this.source.words([...this.state.fixed])}` : ""}; gasfield ${description.version}`];
    captions.forEach((words, i) => {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      for (const [name, value] of Object.entries({ x: 12, y: height + 17 + 18 * i, fill: inks.ink, "font-weight": i ? "normal" : "bold" })) text.setAttribute(name, value);
      text.textContent = words;
      whole.append(text);
    });
    let blob = new Blob([new XMLSerializer().serializeToString(whole)], { type: "image/svg+xml" });
    if (kind === "png") blob = await rastered(blob, width, height + 46);
    save(blob, `sweep.${kind}`);
    return blob;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const { state } = this;
    const results = this.source.description.results.length;
    const after = (list, value) => list[(list.indexOf(value) + 1) % list.length];
    const go = (direction) => () => this.select(this.diagram.next(state.selected, direction));
    const act = {
      ArrowLeft: go([-1, 0]), ArrowRight: go([1, 0]), ArrowUp: go([0, -1]), ArrowDown: go([0, 1]),
      Escape: () => this.select(-1),
      r: () => this.set({ result: (state.result + 1) % results }),
      R: () => this.set({ result: (state.result + results - 1) % results }),
      x: () => this.free.length && this.setAxis("x", after(this.free, state.x)),
      y: () => this.free.length && this.setAxis("y", after([-1, ...this.free.filter((key) => key !== state.x)], state.y)),
      m: () => this.set({ map: !state.map }),
      v: () => this.set({ shown: after(Object.keys(SHOWN), state.shown) }),
      d: () => this.setTheme(!this.dark),
      p: () => this.still("png"),
      s: () => this.still("svg"),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

/** Shows a sweep; what goes wrong is said in the page. */
export async function showSweep(root, source) {
  try {
    const page = new SweepPage(root, source);
    page.setTheme(page.dark);
    await page.refresh();
    root.dataset.ready = "true";
    return page;
  } catch (fault) {
    root.append(element("p", { class: "waiting" }, `This page cannot be shown: ${fault.message}`));
    throw fault;
  }
}
