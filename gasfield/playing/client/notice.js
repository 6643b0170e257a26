// Messages over the picture: one that goes by itself (what was refused), and one that stays (why it waits, or has ended).

import { element } from "../../viewing/client/elements.js";

const PASSES = 9000; // ms

export class Notice {
  constructor() {
    this.passing = element("div", { class: "notice", role: "alert", hidden: true });
    this.standing = element("div", { class: "notice standing", role: "status", hidden: true });
    this.root = element("div", { class: "notices" }, this.standing, this.passing);
  }

  /** Says something for a while; with an action, a button for it. */
  say(words, action = "", act = null) {
    clearTimeout(this.later);
    const button = act === null ? null : element("button", { onclick: () => (this.hush(), act()) }, action);
    const close = element("button", { class: "small", "aria-label": "close", onclick: () => this.hush() }, "✕");
    this.passing.replaceChildren(element("span", {}, words), ...(button ? [button] : []), close);
    this.passing.hidden = false;
    this.later = setTimeout(() => this.hush(), PASSES);
  }

  hush() {
    this.passing.hidden = true;
  }

  /** Says something until it is said otherwise; nothing where words are empty. */
  stand(words, action = "", act = null) {
    const button = act === null ? null : element("button", { onclick: act }, action);
    this.standing.replaceChildren(...(words ? [element("span", {}, words), ...(button ? [button] : [])] : []));
    this.standing.hidden = !words;
  }
}
