// Axes of a diagram: where a value is, from 0 to 1, and the ticks of an axis.

const STEPS = [1, 2, 5, 10];

/** An axis over numbers, or over names that are evenly spaced. */
export class Scale {
  /** @param values numbers, or names; logarithmic: of numbers above 0; margin: share of the range on either side */
  constructor(values, { numeric = true, logarithmic = false, margin = 0.04 } = {}) {
    this.numeric = numeric;
    this.logarithmic = logarithmic;
    this.values = values;
    const ends = values.map((value, i) => this.level(value, i));
    [this.low, this.high] = [ends.reduce((a, b) => Math.min(a, b), Infinity), ends.reduce((a, b) => Math.max(a, b), -Infinity)];
    if (!(this.low <= this.high)) [this.low, this.high] = [0, 1];
    if (this.low === this.high) [this.low, this.high] = [this.low - (Math.abs(this.low) || 1) / 2, this.high + (Math.abs(this.high) || 1) / 2];
    const wide = margin * (this.high - this.low);
    [this.low, this.high] = [this.low - wide, this.high + wide];
  }

  level(value, number) {
    if (!this.numeric) return number;
    return this.logarithmic ? Math.log10(value) : value;
  }

  /** Where a value is; names are given by their numbers. */
  place(value) {
    return (this.level(value, value) - this.low) / (this.high - this.low);
  }

  /** [place, label] of the ticks; of names at most so many. */
  ticks(most) {
    if (!this.numeric) {
      const every = Math.ceil(this.values.length / most);
      return this.values.map((name, i) => [this.place(i), name]).filter((_, i) => i % every === 0);
    }
    const found = this.logarithmic ? this.decades(most) : [];
    return found.length > 3 ? found : this.even(most);
  }

  even(most) {
    const [first, last] = this.logarithmic ? [10 ** this.low, 10 ** this.high] : [this.low, this.high];
    const rough = (last - first) / most;
    const ten = 10 ** Math.floor(Math.log10(rough));
    const step = ten * STEPS.find((each) => each * ten >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(first / step); i <= Math.floor(last / step + 1e-9); i++) found.push(Number((i * step).toPrecision(12)));
    return found.filter((value) => !this.logarithmic || value > 0).map((value) => [this.place(value), words(value)]);
  }

  decades(most) {
    for (const digits of [[1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let ten = Math.floor(this.low); ten <= this.high; ten++) {
        for (const digit of digits) {
          const level = ten + Math.log10(digit);
          if (level >= this.low && level <= this.high) found.push([(level - this.low) / (this.high - this.low), words(Number(`${digit}e${ten}`))]);
        }
      }
      if (found.length <= most + 2) return found;
    }
    return [];
  }
}

/** For each of some ascending levels, the ends of its cell: halfway to its neighbours. */
export function cellsOf(levels, fallback) {
  if (levels.length === 1) return [[levels[0] - fallback / 2, levels[0] + fallback / 2]];
  return levels.map((level, i) => {
    const before = i ? (level - levels[i - 1]) / 2 : (levels[1] - level) / 2;
    const after = i + 1 < levels.length ? (levels[i + 1] - level) / 2 : (level - levels[i - 1]) / 2;
    return [level - before, level + after];
  });
}

function words(value) {
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-4 && size < 1e6) ? String(value) : value.toExponential().replace("e+", "e");
}

/** A value with its standard error, two digits of it: 0.0954 ± 0.0011. */
export function measured(value, error) {
  if (!Number.isFinite(value)) return "–";
  if (!(error > 1e-9 * Math.abs(value)) || !Number.isFinite(error)) return String(Number(value.toPrecision(5)));
  const size = Math.floor(Math.log10(Math.max(Math.abs(value), error)));
  const ten = size >= -4 && size < 6 ? 0 : size;
  const decimals = Math.min(Math.max(0, 1 - Math.floor(Math.log10(error / 10 ** ten))), 20);
  const [shown, off] = [value, error].map((each) => (each / 10 ** ten).toFixed(decimals));
  return ten ? `(${shown} ± ${off}) · 10^${ten}` : `${shown} ± ${off}`;
}
