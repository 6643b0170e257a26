// The legend of a colouring: classes that can be hidden, or a scale; and that of strains.

import { classColour, css, strainColour } from "./colours.js";
import { element, short } from "./elements.js";

/** The legend of what a view is coloured by; `changed` is called when classes were hidden. */
export function legendOf(view, changed) {
  const { colouring } = view;
  const parts = colouring.classes.length ? classesOf(view, changed) : [numbersScale(view)];
  const reach = Math.max(...view.panels.map((panel) => panel.about.reach));
  if (view.panels.some((panel) => panel.bonds.length)) parts.push(strainsOf(reach));
  return element("div", { class: "legend" }, ...parts);
}

function classesOf(view, changed) {
  const { colouring, panels } = view;
  const counts = colouring.classes.map((name) => {
    let count = 0;
    panels.forEach((panel, p) => {
      const code = colouring.channels[p] ? colouring.channels[p].classes.indexOf(name) : -1;
      const codes = code < 0 ? null : panel.source.codes(p, colouring.numbers[p], Math.max(panel.frame, 0));
      if (codes && p === 0) for (const each of codes) count += each === code ? 1 : 0;
    });
    return count;
  });
  return colouring.classes.map((name, i) => {
    const toggle = () => {
      if (!colouring.hidden.delete(name)) colouring.hidden.add(name);
      changed();
    };
    const swatch = element("i", { class: "swatch" });
    swatch.style.background = css(classColour(i, view.dark));
    const hidden = colouring.hidden.has(name);
    return element("button", { class: hidden ? "class hidden" : "class", "aria-pressed": String(!hidden), title: hidden ? "show" : "hide", onclick: toggle },
      swatch, element("span", {}, name), element("span", { class: "faint" }, counts[i].toLocaleString("en")));
  });
}

function numbersScale({ colouring, dark, panels }) {
  const bar = element("div", { class: "scale" });
  bar.style.background = colouring.gradient(dark);
  const steps = panels[0].about.steps;
  const word = (value) => (colouring.since ? `step ${steps[Math.round(value)]}` : short(value));
  const note = colouring.since ? "grey: still moving" : `${colouring.logarithmic ? "logarithmic" : "linear"}${colouring.unit ? `, ${colouring.unit}` : ""}`;
  return element("div", {}, bar, element("div", { class: "row spread" }, element("span", {}, word(colouring.low)), element("span", { class: "faint" }, note), element("span", {}, word(colouring.high))));
}

function strainsOf(reach) {
  const bar = element("div", { class: "scale" });
  bar.style.background = `linear-gradient(to right, ${[1, 43, 86, 128, 170, 212, 255].map((code) => css(strainColour(code))).join(", ")})`;
  const worth = (value) => `${value > 0 ? "+" : ""}${short(100 * value)}%`;
  return element("div", { class: "strains" }, element("p", {}, "strain of bonds"), bar,
    element("div", { class: "row spread" }, element("span", {}, worth(-reach)), element("span", { class: "faint" }, "since the first frame"), element("span", {}, worth(reach))));
}
