// What is behind a point of a sweep, where transitions are, and which points failed.

import { element } from "./elements.js";
import { measured } from "./scales.js";
import { DONE, FAILED } from "./sweep_source.js";

const MOST_FAILED = 500;

/** A point: its keys, the result, its seeds with their runs, and on demand all results. */
export async function pointDetails(source, point, number) {
  const { keys, results } = source.description;
  const { name, unit } = results[number];
  const result = await source.result(number);
  const { done, failed, left } = source.counts(point);
  const of = unit === "1" || !done ? "" : ` ${unit}`;
  const facts = [
    ...keys.map((key, i) => [key.name, source.word(i, source.at(i, point))]),
    ["runs", [done && `${done} done`, failed && `${failed} failed`, left && `${left} to be made`].filter(Boolean).join(", ")],
  ];
  if (done > 1) facts.push(["scatter between seeds", `${measured(result.scatter[point], NaN)}${of}`]);
  if (Number.isFinite(result.ratio[point])) facts.push(["scatter / errors", measured(result.ratio[point], NaN)]);
  return element("section", { class: "selected" },
    element("p", { class: "faint" }, name),
    element("h2", { class: "value" }, `${measured(result.mean[point], result.meanError[point])}${of}`),
    list(facts), seedsOf(source, point, result), allResults(source, point));
}

function seedsOf(source, point, result) {
  const { rows, reasons } = source.description;
  const lines = source.rowsOf[point].map((row) => {
    const failed = rows.status[row] === FAILED;
    const words = failed ? reasons[rows.reason[row]] || "failed" : rows.status[row] === DONE ? measured(result.value[row], result.error[row]) : "to be made";
    const run = rows.run[row] ? element("a", { class: "link", href: source.address(row), target: "_blank", rel: "noopener", title: source.path(row) }, "run") : "";
    return element("tr", { class: failed ? "failed" : "" }, element("td", {}, rows.seed[row]), element("td", {}, words), element("td", {}, run));
  });
  const paths = source.rowsOf[point].filter((row) => rows.run[row]).map((row) => element("p", { class: "path" }, source.path(row)));
  return element("div", {}, element("table", {}, element("thead", {}, element("tr", {}, ...["seed", "value", ""].map((words) => element("th", {}, words)))), element("tbody", {}, ...lines)),
    paths.length ? element("details", {}, element("summary", {}, "paths of these runs"), ...paths) : "");
}

/** All results of a point; unpacked when they are looked at. */
function allResults(source, point) {
  const body = element("tbody", {});
  const filter = element("input", { type: "search", placeholder: "find a result", "aria-label": "find a result", oninput: () => show() });
  const show = () => {
    for (const line of body.children) line.hidden = !line.firstChild.textContent.toLowerCase().includes(filter.value.toLowerCase());
  };
  const fill = async (event) => {
    if (!event.target.open || body.children.length) return;
    for (const [number, { name, unit }] of source.description.results.entries()) {
      const { mean, meanError } = await source.result(number);
      body.append(element("tr", {}, element("td", {}, name), element("td", {}, `${measured(mean[point], meanError[point])}${unit === "1" || !Number.isFinite(mean[point]) ? "" : ` ${unit}`}`)));
    }
    show();
  };
  return element("details", { class: "everything", ontoggle: fill }, element("summary", {}, `all results of this point (${source.description.results.length})`), filter, element("table", {}, body));
}

/** The transitions of a result, and where there is none why. */
export function transitionsOf(source, number) {
  const found = source.description.transitions.filter((each) => each.result === number);
  if (!found.length) return "";
  const items = found.map((each) => {
    const along = source.description.keys[each.along].name;
    const at = each.at.length ? ` at ${source.words(each.at)}` : "";
    const [low, high] = each.range.map((end) => String(Number(end.toPrecision(4))));
    const how = element("span", { class: "faint" }, `${each.method}${each.details.map(([name, words]) => `; ${name} ${words}`).join("")}`);
    if (!each.place) return element("li", { class: "faint" }, `none in ${along} = ${low} to ${high}${at}: ${each.reason}`);
    return element("li", {}, element("b", {}, `${along} = ${measured(...each.place.map((value) => value ?? NaN))}`), element("span", {}, at), how);
  });
  return element("div", {}, element("h3", {}, "Transitions of this result"), element("ul", {}, ...items));
}

/** The points that failed, by their reasons; each leads to its point. */
export function failedPoints(source, go) {
  const { rows, reasons } = source.description;
  const groups = new Map(); // of rows of a point with the same reason
  rows.status.forEach((status, row) => {
    if (status !== FAILED) return;
    const group = `${rows.point[row]} ${rows.reason[row]}`;
    groups.set(group, [...(groups.get(group) ?? []), row]);
  });
  if (!groups.size) return "";
  const failed = rows.status.filter((status) => status === FAILED).length;
  const items = [...groups.values()].slice(0, MOST_FAILED).map(([row, ...others]) => {
    const seeds = `seed${others.length ? "s" : ""} ${[row, ...others].map((each) => rows.seed[each]).join(", ")}`;
    const place = [source.place(rows.point[row]), seeds].filter(Boolean).join("; ");
    return element("li", {}, element("button", { class: "link", onclick: () => go(rows.point[row]) }, place), element("span", { class: "faint" }, reasons[rows.reason[row]]));
  });
  const more = groups.size > items.length ? element("p", { class: "faint" }, `and ${(groups.size - items.length).toLocaleString("en")} more points`) : "";
  return element("details", { class: "failures" }, element("summary", {}, `${failed.toLocaleString("en")} failed runs`), element("ul", {}, ...items), more);
}

function list(facts) {
  return element("dl", {}, ...facts.flatMap(([name, words]) => [element("dt", {}, name), element("dd", {}, words)]));
}
