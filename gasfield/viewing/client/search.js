// Search by token: rows whose token contains a text, or `#` and the number of a row.

import { element, tokenOf } from "./elements.js";

const MOST_LISTED = 60;
const MOST_MARKED = 400;

export class Search {
  /** @param select called with (panel, row), mark with (panel, rows that were found) */
  constructor(view, { select, mark }) {
    this.view = view;
    this.actions = { select, mark };
    this.box = element("input", { type: "search", placeholder: "search a token, or #row", "aria-label": "search a token", autocomplete: "off", spellcheck: "false", oninput: () => this.show(), onkeydown: (event) => this.key(event) });
    this.list = element("div", { class: "found" });
    this.root = element("div", {}, this.box, this.list);
  }

  /** Rows of the first panel that match. */
  find() {
    const text = this.box.value;
    const { rows } = this.view.panels[0];
    if (!text) return [];
    const number = /^#(\d+)$/.exec(text.trim());
    if (number) return [...rows.rows.keys()].filter((row) => rows.rows[row] === Number(number[1]));
    const wanted = text.toLowerCase();
    const found = [...rows.tokens.keys()].filter((row) => rows.tokens[row].toLowerCase().includes(wanted));
    return found.sort((one, other) => rows.tokens[one].length - rows.tokens[other].length || one - other);
  }

  show() {
    this.rows = this.find();
    const { rows } = this.view.panels[0];
    const items = this.rows.slice(0, MOST_LISTED).map((row) =>
      element("button", { class: "link token", "data-row": String(row), onclick: () => this.actions.select(0, row) }, tokenOf(rows, row)));
    const count = this.box.value ? `${this.rows.length.toLocaleString("en")} found${this.rows.length > MOST_LISTED ? `, the ${MOST_LISTED} shortest` : ""}` : "";
    this.list.replaceChildren(element("p", { class: "faint" }, count), ...items);
    this.actions.mark(0, this.rows.slice(0, MOST_MARKED).map((row) => [row, 0]));
    this.view.ask();
  }

  key(event) {
    if (event.key === "Enter" && this.rows && this.rows.length) this.actions.select(0, this.rows[0]);
    if (event.key === "Escape") {
      this.box.value = "";
      this.show();
      this.box.blur();
    }
  }
}
