// What is known of the selected row: who it is, what it is coloured by, its nearest neighbours and how they changed.

import { element, short, tokenOf } from "./elements.js";

export class Details {
  /** @param select called with (panel, row) when a neighbour is clicked, mark with lists of marked rows */
  constructor(root, view, { select, mark, goTo }) {
    this.root = root;
    this.view = view;
    this.actions = { select, mark, goTo };
    this.against = "first";
    this.asked = 0;
  }

  /** Shows the rows that are selected in the panels at the present step. */
  async show() {
    const asked = ++this.asked;
    const { view } = this;
    if (view.asked) view.draw(); // at the present step
    const parts = [];
    for (const panel of view.panels) {
      const row = view.selected[panel.p];
      if (row < 0) continue;
      const neighbours = await this.neighboursOf(panel, row);
      if (asked !== this.asked) return; // another row or step meanwhile
      this.actions.mark(panel.p, neighbours ? neighbours.now.rows.map((other, i) => [other, i + 1]) : []);
      parts.push(this.part(panel, row, neighbours));
    }
    if (asked !== this.asked) return;
    const focused = document.activeElement?.closest?.(".details select") !== null && this.root.contains(document.activeElement);
    this.root.replaceChildren(...(parts.length ? parts : [hint()]));
    if (focused) this.root.querySelector("select")?.focus();
    this.root.dataset.step = view.step;
    view.ask();
  }

  /** The neighbours at the frame nearest to the present one of which they are known, and those to compare with. */
  async neighboursOf(panel, row) {
    if (panel.frame < 0) return null;
    const { near, steps } = panel.about;
    const known = near || [...steps.keys()];
    if (!known.length) return null;
    const place = nearestPlace(known, panel.frame, steps);
    const other = { first: 0, previous: Math.max(place - 1, 0), last: known.length - 1 }[this.against];
    const [now, then] = await Promise.all([place, other].map((at) => panel.source.neighbours(panel.p, known[at], row)));
    if (!now || !then) return { pending: true, now: { rows: [] } };
    return { now, then, step: steps[known[place]], against: steps[known[other]], exact: known[place] === panel.frame, overlaps: near ? await this.overlaps(panel, row, now) : [] };
  }

  /** At each frame of which neighbours are known: how many of those of now were neighbours then. */
  async overlaps(panel, row, now) {
    const mine = new Set(now.rows);
    const found = [];
    for (const frame of panel.about.near) {
      const then = await panel.source.neighbours(panel.p, frame, row);
      found.push([panel.about.steps[frame], then ? then.rows.filter((other) => mine.has(other)).length : 0]);
    }
    return found;
  }

  part(panel, row, neighbours) {
    const { rows } = panel;
    const several = this.view.panels.length > 1;
    const facts = [
      ["row", String(rows.rows[row])],
      ...(rows.ids[row] >= 0 ? [["token id", String(rows.ids[row])]] : []),
      ...panel.about.channels.map((channel, c) => [channel.name, this.worth(panel, c, row)]).filter(([, words]) => words),
    ];
    const table = element("dl", {}, ...facts.flatMap(([name, words]) => [element("dt", {}, name), element("dd", {}, words)]));
    return element("section", { class: "selected" },
      several ? element("p", { class: "faint" }, panel.about.file) : null,
      element("h2", { class: "token", title: rows.tokens[row] }, tokenOf(rows, row)), table, this.neighbourPart(panel, neighbours));
  }

  worth(panel, c, row) {
    const codes = panel.source.codes(panel.p, c, Math.max(panel.frame, 0));
    return codes ? this.view.colouring.constructor.wordsOf(panel.about.channels[c], codes[row], panel.about.steps) : "";
  }

  neighbourPart(panel, neighbours) {
    if (!neighbours) return element("p", { class: "faint" }, "No neighbours were computed for this page.");
    if (neighbours.pending) return element("p", { class: "faint" }, "Neighbours are being unpacked…");
    const { now, then } = neighbours;
    const known = new Map(then.rows.map((other, i) => [other, i + 1]));
    const same = neighbours.step === neighbours.against;
    const items = now.rows.map((other, i) => {
      const before = known.get(other);
      const change = same ? "" : before === undefined ? "new" : before === i + 1 ? "=" : `was ${before}`;
      return this.item(panel, other, change, now.distances && now.distances[i]);
    });
    const present = new Set(now.rows);
    const gone = then.rows.filter((other) => !present.has(other));
    const choice = element("select", { "aria-label": "compared with", onchange: () => ((this.against = choice.value), this.show()) },
      ...["first", "previous", "last"].map((each) => element("option", { value: each }, `${each} frame`)));
    choice.value = this.against;
    return element("div", { class: "neighbours" },
      element("h3", {}, `Nearest in ${panel.about.dimensions} dimensions, step ${neighbours.step}`,
        neighbours.exact ? null : element("button", { class: "link", onclick: () => this.actions.goTo(neighbours.step) }, "go there")),
      element("div", { class: "row faint" }, "compared with the", choice, `(step ${neighbours.against})`),
      element("ol", {}, ...items),
      gone.length && !same ? element("p", { class: "faint" }, "no longer: ", ...gone.flatMap((other, i) => [i ? ", " : "", this.link(panel, other)])) : null,
      neighbours.overlaps.length > 1 ? this.bars(neighbours) : null);
  }

  item(panel, other, change, distance) {
    const more = distance === null || distance === undefined ? null : element("span", { class: "faint" }, short(distance));
    return element("li", { "data-row": String(other) }, this.link(panel, other), more, element("span", { class: change === "new" ? "change new" : "change" }, change));
  }

  link(panel, other) {
    return element("button", { class: "link token", onclick: () => this.actions.select(panel.p, other) }, tokenOf(panel.rows, other));
  }

  /** How many of the neighbours of now were neighbours then, frame by frame. */
  bars({ overlaps, step }) {
    const bars = overlaps.map(([at, count]) =>
      element("button", { class: at === step ? "bar now" : "bar", title: `step ${at}: ${count} of them`, "aria-label": `step ${at}: ${count} of them`, onclick: () => this.actions.goTo(at) },
        sized(element("i"), count)));
    return element("div", {}, element("p", { class: "faint" }, "of these, how many were neighbours at each step:"), element("div", { class: "bars" }, ...bars));
  }
}

function sized(bar, count) {
  bar.style.height = `${10 * count}%`;
  return bar;
}

/** Of ascending frames the place of the one whose step is nearest to that of another frame. */
function nearestPlace(frames, frame, steps) {
  let best = 0;
  frames.forEach((each, place) => {
    if (Math.abs(steps[each] - steps[frame]) < Math.abs(steps[frames[best]] - steps[frame])) best = place;
  });
  return best;
}

function hint() {
  return element("p", { class: "faint" }, "Click a point, or search for a token: its strings, its path, and its nearest neighbours in the original space.");
}
