// The numbers of a sweep: points, their rows (one for each seed), and results, which are unpacked when they are asked for.

import { fromBase64, inflate, joinDoubles } from "./unpack.js";

export const DONE = 1, FAILED = 2;

export class SweepSource {
  /** @param {Document} page that holds description and results */
  constructor(page) {
    this.elements = new Map();
    for (const element of page.querySelectorAll("script[data-name]")) this.elements.set(element.dataset.name, element);
    this.description = JSON.parse(this.elements.get("description").textContent);
    const { rows } = this.description;
    this.rowsOf = []; // point -> its rows
    rows.point.forEach((point, row) => (this.rowsOf[point] ||= []).push(row));
    this.count = this.rowsOf.length;
    this.unpacked = new Map();
  }

  /** Of a result: value and error by row; mean, its standard error, scatter of seeds and ratio to their errors by point. */
  async result(number) {
    if (!this.unpacked.has(number)) {
      const numbers = joinDoubles(await inflate(fromBase64(this.elements.get(`result ${number}`).textContent)));
      const rows = this.description.rows.point.length;
      const part = (i) => numbers.subarray(2 * rows + i * this.count, 2 * rows + (i + 1) * this.count);
      this.unpacked.set(number, { value: numbers.subarray(0, rows), error: numbers.subarray(rows, 2 * rows), mean: part(0), meanError: part(1), scatter: part(2), ratio: part(3) });
    }
    return this.unpacked.get(number);
  }

  /** The number of the value of a key at a point. */
  at(key, point) {
    return this.description.points[key][point];
  }

  /** How many rows of a point are done, failed, or still to be run. */
  counts(point) {
    const found = [0, 0, 0];
    for (const row of this.rowsOf[point]) found[this.description.rows.status[row]] += 1;
    return { done: found[DONE], failed: found[FAILED], left: found[0] };
  }

  /** The value of a key in words. */
  word(key, number) {
    const value = this.description.keys[key].values[number];
    return typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
  }

  /** The values of some keys in words. */
  words(pairs) {
    return pairs.map(([key, number]) => `${this.description.keys[key].name} = ${this.word(key, number)}`).join(", ");
  }

  /** The values of all keys of a point. */
  place(point) {
    return this.words(this.description.keys.map((_, key) => [key, this.at(key, point)]));
  }

  /** The address of a run. */
  address(row) {
    const { rows, runs, live } = this.description;
    return live ? `${runs}${rows.key[row]}/` : `${runs}${rows.key[row].slice(0, 2)}/${rows.key[row]}/`;
  }

  /** The path of a run as text. */
  path(row) {
    const { rows, folder } = this.description;
    return `${folder}/points/${rows.key[row].slice(0, 2)}/${rows.key[row]}`;
  }
}
