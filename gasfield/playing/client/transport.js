// Pause, one step, slower and faster, undo, back to the start; the step and the time.

import { element, short } from "../../viewing/client/elements.js";

const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

export class Transport {
  /** @param does {pause(wanted), step(), speed(n), undo(), restart()} */
  constructor(does) {
    this.does = does;
    this.paused = true;
    this.speed = 1;
    const button = (words, tip, act) => element("button", { title: tip, "aria-label": tip, onclick: act }, words);
    this.play = button("▶", "play or pause (space)", () => this.toggle());
    this.play.classList.add("play");
    this.undoes = button("↶", "undo the last touch (u)", () => this.does.undo());
    this.rate = element("output", { class: "rate", title: "steps for each frame" });
    this.step = element("output", { class: "step" });
    this.root = element("div", { class: "row transport" },
      this.play, button("▸|", "one step (.)", () => this.does.step()), button("−", "slower (−)", () => this.faster(-1)), this.rate, button("+", "faster (+)", () => this.faster(1)),
      this.undoes, button("|◂", "back to the start (home); all touches are undone", () => this.does.restart()), this.step);
  }

  toggle() {
    this.does.pause(!this.paused);
  }

  /** The next speed in a row of round ones. */
  faster(by) {
    const next = by > 0 ? SPEEDS.find((speed) => speed > this.speed) : SPEEDS.findLast((speed) => speed < this.speed);
    if (next) this.does.speed(next);
  }

  show({ paused, speed, undo }) {
    [this.paused, this.speed] = [paused, speed];
    this.play.textContent = paused ? "▶" : "❚❚";
    this.play.setAttribute("aria-pressed", String(!paused));
    this.rate.textContent = `${speed.toLocaleString("en")} ${speed === 1 ? "step" : "steps"}/frame`;
    this.undoes.disabled = !undo;
    this.undoes.title = undo ? `undo the last touch (u); ${undo} can be undone` : "there is nothing to undo";
  }

  at(step, time) {
    this.step.textContent = `step ${step.toLocaleString("en")} · t ${short(time)}`;
  }
}
