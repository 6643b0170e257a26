// The viewer: the point view with its controls around it.

import { Colouring } from "./colours.js";
import { Details } from "./details.js";
import { element } from "./elements.js";
import { legendOf } from "./legend.js";
import { Search } from "./search.js";
import { pngOf, save, svgOf } from "./still.js";
import { Strips } from "./strips.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

const NOBODY = 0xffffffff;
const TRAILS = [0, 5, 20, 100];
const KEYS = "space play · ← → frame (shift: 10) · home end · + − speed · t trails · c colour · [ ] size · f fit · r reset · / search · d dark · p png · s svg · esc none";

export class Viewer {
  /** @param root an element that it fills; source: see embedded.js */
  constructor(root, source) {
    this.root = root;
    this.source = source;
    const { panels } = source.description;
    this.names = [...new Set(panels.flatMap((panel) => panel.channels.map((channel) => channel.name)))];
    this.stage = element("div", { class: "stage" });
    this.side = element("aside", {});
    this.tip = element("div", { class: "tip", hidden: true });
    this.timeline = new Timeline(panels, () => this.moved());
    this.build(panels);
    this.view = new View(this.stage, source, new Colouring(this.names[0], panels));
    this.stage.append(this.tip, ...captionsOf(panels, this.view));
    this.timeline.isLate = () => this.view.late || this.view.asked;
    const actions = { select: (p, row) => this.select(p, row), mark: (p, rows) => (this.view.marked[p] = rows), goTo: (step) => this.timeline.seek(step) };
    this.details = new Details(element("div", { class: "details", "aria-live": "polite" }), this.view, actions);
    this.search = new Search(this.view, actions);
    this.strips = new Strips(this.stripRoot, source.description, this.timeline.steps, (step) => this.timeline.seek(step));
    this.fillSide(panels);
    this.view.onpick = (p, row) => this.select(p, row);
    this.view.onhover = (p, row) => this.hover(p, row);
    source.onchange = () => this.arrived();
    this.setTheme(window.matchMedia("(prefers-color-scheme: dark)").matches);
    document.addEventListener("keydown", (event) => this.key(event));
    this.moved();
    this.details.show();
  }

  // --- what it is made of --------------------------------------------------------------------------------------------

  build(panels) {
    const title = panels.map((panel) => panel.title).join(" | ");
    const button = (words, tip, act) => element("button", { title: tip, onclick: act }, words);
    this.stripRoot = element("div", { class: "strips" });
    this.root.append(
      element("header", {}, element("h1", {}, title), element("div", { class: "row" },
        button("fit", "look at this frame as a whole (f); all frames again: r", () => this.view.fit()), button("PNG", "a still as PNG (p)", () => this.still("png")), button("SVG", "a still as SVG (s)", () => this.still("svg")),
        button("◐", "dark or light (d)", () => this.setTheme(!this.view.dark)))),
      this.stage, this.timeline.root, this.stripRoot, this.side);
    this.root.classList.add("viewer");
  }

  fillSide(panels) {
    this.colour = element("select", { "aria-label": "colour by", onchange: () => this.setColouring(this.colour.value) },
      ...this.names.map((name) => element("option", { value: name }, name)));
    this.trail = element("select", { "aria-label": "trails", onchange: () => this.setTrails(Number(this.trail.value)) },
      ...TRAILS.map((count) => element("option", { value: String(count) }, count ? `${count} frames` : "none")));
    this.legend = element("div", {});
    this.side.append(
      element("div", { class: "row" }, element("label", {}, "colour by ", this.colour), element("label", {}, "trails ", this.trail)),
      this.legend, this.search.root, this.details.root,
      element("details", { class: "about" }, element("summary", {}, "about this page"), ...panels.map(aboutPanel), element("p", {}, `made by gasfield ${this.source.description.version}`), element("p", {}, KEYS)));
  }

  // --- what can be done ----------------------------------------------------------------------------------------------

  moved() {
    if (!this.view) return;
    this.view.step = this.timeline.step;
    this.view.ask();
    this.strips.draw(this.timeline.step, this.view.dark);
    clearTimeout(this.later); // what takes longer follows when the slider rests
    this.later = setTimeout(() => this.details.show(), 120);
  }

  arrived() {
    this.view.ask();
    if (this.source.complete || !this.source.rest) {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.details.show(), 120);
    }
  }

  async select(p, row) {
    const { view, source } = this;
    view.selected = view.panels.map(() => -1);
    view.marked = view.panels.map(() => []);
    if (row >= 0) {
      view.selected[p] = row;
      if (source.pairs) view.selected[1 - p] = p ? source.pairs.indexOf(row) : source.pairs[row] === NOBODY ? -1 : source.pairs[row];
    }
    await Promise.all(view.panels.map((panel) => panel.setPath(view.selected[panel.p] < 0 ? null : view.selected[panel.p])));
    await this.details.show();
    view.ask();
  }

  setColouring(name) {
    this.colour.value = name;
    this.view.colouring = new Colouring(name, this.source.description.panels);
    this.view.draw();
    this.showLegend();
  }

  setTrails(count) {
    this.trail.value = String(count);
    this.view.trails = count;
    this.view.ask();
  }

  setTheme(dark) {
    this.root.dataset.theme = dark ? "dark" : "light";
    document.documentElement.dataset.theme = this.root.dataset.theme;
    this.view.dark = dark;
    this.view.ask();
    this.strips.draw(this.timeline.step, dark);
    this.showLegend();
  }

  showLegend() {
    this.legend.replaceChildren(legendOf(this.view, () => {
      this.view.ask();
      this.showLegend();
    }));
  }

  hover(p, row) {
    this.tip.hidden = row < 0;
    if (row < 0) return;
    const place = this.view.placeOf(p, row);
    if (!place) return;
    const { rows } = this.view.panels[p];
    this.tip.textContent = rows.tokens[row] || `row ${rows.rows[row]}`;
    this.tip.style.left = `${Math.min(place[0] + 12, this.stage.clientWidth - 120)}px`;
    this.tip.style.top = `${Math.max(place[1] - 30, 0)}px`;
  }

  async still(kind) {
    const { view } = this;
    const titles = this.source.description.panels.map((panel) => `${panel.title} (${panel.file})`).join(" | ");
    const caption = [titles, `step ${this.timeline.step}, coloured by ${view.colouring.name}; ${axesOf(this.source.description.panels[0])}; gasfield ${this.source.description.version}`];
    const blob = kind === "png" ? await pngOf(view, caption) : svgOf(view, caption);
    save(blob, `step-${this.timeline.step}.${kind}`);
    return blob;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "range") return;
    const far = event.shiftKey ? 10 : 1;
    const { timeline, view } = this;
    const act = {
      " ": () => timeline.play(),
      ArrowLeft: () => timeline.goTo(timeline.place - far),
      ArrowRight: () => timeline.goTo(timeline.place + far),
      Home: () => timeline.goTo(0),
      End: () => timeline.goTo(timeline.steps.length - 1),
      "+": () => timeline.faster(1),
      "-": () => timeline.faster(-1),
      t: () => this.setTrails(TRAILS[(TRAILS.indexOf(view.trails) + 1) % TRAILS.length]),
      c: () => this.setColouring(this.names[(this.names.indexOf(view.colouring.name) + 1) % this.names.length]),
      "[": () => this.resize(0.8),
      "]": () => this.resize(1.25),
      f: () => view.fit(),
      r: () => (view.camera.reset(), view.ask()),
      "/": () => this.search.box.focus(),
      d: () => this.setTheme(!view.dark),
      p: () => this.still("png"),
      s: () => this.still("svg"),
      Escape: () => this.select(0, -1),
    }[event.key];
    if (!act || (event.key === " " && event.target.tagName === "BUTTON")) return;
    event.preventDefault();
    act();
  }

  resize(factor) {
    this.view.size = Math.min(Math.max(this.view.size * factor, 1), 40);
    this.view.ask();
  }
}

function captionsOf(panels, view) {
  if (panels.length < 2) return [];
  return panels.map((panel, p) => {
    const caption = element("div", { class: "caption" }, panel.file);
    const place = () => {
      const [left, top] = view.rectangle(p);
      [caption.style.left, caption.style.top] = [`${left + 10}px`, `${top + 8}px`];
    };
    new ResizeObserver(place).observe(view.root);
    return caption;
  });
}

/** The axes of a panel in words. */
function axesOf(panel) {
  const share = panel.variances ? ` (${panel.variances.map((each) => `${(100 * each).toPrecision(2)}%`).join(", ")} of the variance)` : "";
  return `${panel.axes.join(", ")}${share}`;
}

function aboutPanel(panel) {
  const [rows, frames] = panel.of;
  const facts = [
    ["file", panel.file],
    ["size", `${panel.size.toLocaleString("en")} bytes`],
    ["sha256", panel.sha256],
    ["rows", panel.count === rows ? rows.toLocaleString("en") : `${panel.count.toLocaleString("en")} of ${rows.toLocaleString("en")}`],
    ["frames", panel.steps.length === frames ? String(frames) : `${panel.steps.length} of ${frames}`],
    ["space", `${panel.dimensions} dimensions, ${panel.precision}`],
    ["axes", axesOf(panel)],
    ["side of a cell", `${panel.cell.toPrecision(3)} ${panel.unit}`],
    ...panel.notes.map((note) => ["note", note]),
  ];
  return element("dl", {}, ...facts.flatMap(([name, words]) => [element("dt", {}, name), element("dd", {}, words)]));
}

/** Opens a source and shows it; what goes wrong is said in the page. */
export async function show(root, source) {
  const waiting = element("p", { class: "waiting" }, "unpacking…");
  root.append(waiting);
  try {
    await source.open();
    waiting.remove();
    const viewer = new Viewer(root, source);
    viewer.view.draw();
    root.dataset.ready = "true";
    return viewer;
  } catch (fault) {
    waiting.textContent = `This page cannot be shown: ${fault.message}`;
    throw fault;
  }
}
