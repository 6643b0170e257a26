// The list of what was done, with the work of each touch. Values of one drag of a slider are one line.

import { element, short } from "../../viewing/client/elements.js";

const LISTED = 100;

export class Touches {
  constructor() {
    this.list = []; // {step, words, work, gesture, count}
    this.head = element("p", { class: "faint" }, "Nothing was touched yet.");
    this.items = element("ol", { class: "touches" });
    this.root = element("div", {}, this.head, this.items);
  }

  /** Takes over the list of the engine, as after a reload. */
  load(touches) {
    this.list = touches.map(({ step, text, work }) => ({ step, words: text, work, gesture: "", count: 1 }));
    this.draw();
  }

  /** One more touch {step, text, work}; those of one gesture are one line. */
  add({ step, text: words, work }, gesture) {
    const last = this.list[this.list.length - 1];
    if (gesture && last?.gesture === gesture) {
      last.work = last.work === null || work === null ? null : last.work + work;
      last.count += 1;
      [last.words, last.step] = [words, step];
    } else {
      this.list.push({ step, words, work, gesture, count: 1 });
    }
    this.draw();
  }

  /** How many touches the last line stands for. */
  get lastCount() {
    return this.list[this.list.length - 1]?.count ?? 1;
  }

  /** Keeps the first `count` touches. */
  cut(count) {
    let left = count;
    this.list = this.list.filter((touch) => {
      const isKept = left > 0;
      touch.count = Math.min(touch.count, left);
      left -= touch.count;
      return isKept;
    });
    this.draw();
  }

  draw() {
    const total = this.list.reduce((sum, { work }) => sum + (work ?? 0), 0);
    this.head.textContent = this.list.length ? `${this.list.length.toLocaleString("en")} ${this.list.length === 1 ? "touch" : "touches"}, work ${short(total)}` : "Nothing was touched yet.";
    const item = ({ step, words, work, count }) =>
      element("li", {}, element("span", { class: "faint" }, step.toLocaleString("en")), element("span", { class: "what" }, count > 1 ? `${words} (${count} values)` : words),
        element("span", { class: "faint" }, work === null ? "" : `W ${short(work)}`));
    this.items.replaceChildren(...this.list.slice(-LISTED).reverse().map(item));
  }
}
