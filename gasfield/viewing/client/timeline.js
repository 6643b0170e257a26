// The slider over the steps of all panels, play, and its speed.

import { element } from "./elements.js";

const RATES = [1, 2, 5, 10, 20, 30, 60]; // frames a second

export class Timeline {
  /** @param change called when the step has changed */
  constructor(panels, change) {
    this.steps = [...new Set(panels.flatMap((panel) => panel.steps))].sort((a, b) => a - b);
    this.change = change;
    this.place = 0;
    this.playing = false;
    this.rate = this.steps.length > 200 ? 30 : this.steps.length > 40 ? 10 : 5;
    this.slider = element("input", { type: "range", min: "0", max: String(this.steps.length - 1), value: "0", "aria-label": "step", oninput: () => this.goTo(Number(this.slider.value)) });
    this.button = element("button", { class: "play", title: "play or pause (space)", "aria-label": "play", onclick: () => this.play() }, "▶");
    this.speed = element("select", { "aria-label": "frames a second", title: "frames a second", onchange: () => (this.rate = Number(this.speed.value)) },
      ...RATES.map((rate) => element("option", { value: String(rate) }, `${rate}/s`)));
    this.speed.value = String(this.rate);
    this.label = element("output", { class: "step" });
    this.root = element("div", { class: "timeline" }, this.button, this.slider, this.label, this.speed);
    this.single = this.steps.length < 2;
    this.root.classList.toggle("single", this.single);
    this.write();
  }

  get step() {
    return this.steps[this.place];
  }

  /** Goes to a place among the steps. */
  goTo(place) {
    this.place = Math.min(Math.max(Math.round(place), 0), this.steps.length - 1);
    this.write();
    this.change();
  }

  /** Goes to the place nearest to a step. */
  seek(step) {
    let best = 0;
    this.steps.forEach((each, place) => {
      if (Math.abs(each - step) < Math.abs(this.steps[best] - step)) best = place;
    });
    this.goTo(best);
  }

  write() {
    this.slider.value = String(this.place);
    this.label.textContent = `step ${this.step.toLocaleString("en")}`;
    this.slider.setAttribute("aria-valuetext", this.label.textContent);
  }

  play(wanted = !this.playing) {
    this.playing = wanted && !this.single;
    this.button.textContent = this.playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", this.playing ? "pause" : "play");
    if (!this.playing) return;
    if (this.place === this.steps.length - 1) this.goTo(0);
    let due = performance.now();
    const tick = (now) => {
      if (!this.playing) return;
      const passed = Math.floor(((now - due) * this.rate) / 1000);
      if (passed > 0 && !this.isLate()) {
        due += (passed * 1000) / this.rate;
        this.goTo(this.place + passed);
        if (this.place === this.steps.length - 1) this.play(false);
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  /** Whether what was asked for is not drawn yet; set by whoever draws. */
  isLate() {
    return false;
  }

  faster(by) {
    const place = Math.min(Math.max(RATES.indexOf(this.rate) + by, 0), RATES.length - 1);
    this.rate = RATES[place];
    this.speed.value = String(this.rate);
  }
}
