// What lies under the particles, as lines: contours of an energy, streamlines of a field.

import { numberColour } from "../../viewing/client/colours.js";

const LEVELS = 14;
const ACROSS = 96; // the longer side of the picture, in the units of streamlines
const SPACING = 5; // between streamlines
const STRIDE = 0.5;
const LONGEST = 160; // strides each way
const NONE = { ends: new Float32Array(0), colours: new Uint8Array(0), width: 1 };

/** Lines {ends, colours, width} in the unit cube of an underlay {kind, low, high} with its values and their shape. */
export function underlayLines({ kind, low, high }, values, shape, cube, dark) {
  if (kind === "none" || !values) return NONE;
  const [ny, nx] = shape.slice(-2);
  const place = (i, j) => [
    (low[0] + ((high[0] - low[0]) * i) / (nx - 1) - cube.low[0]) / cube.side,
    (low[1] + ((high[1] - low[1]) * j) / (ny - 1) - cube.low[1]) / cube.side,
  ];
  const longer = Math.max(high[0] - low[0], high[1] - low[1]);
  const extent = [0, 1].map((k) => (ACROSS * (high[k] - low[k])) / longer);
  const segments = kind === "energy" ? contours(values, nx, ny, dark) : streamlines({ values, nx, ny, extent }, dark);
  const ends = new Float32Array(6 * segments.length);
  const colours = new Uint8Array(4 * segments.length);
  segments.forEach(([a, b, colour], s) => {
    const [[x, y], [u, v]] = [place(...a), place(...b)];
    ends.set([x, y, 0, u, v, 0], 6 * s);
    colours.set(colour, 4 * s);
  });
  return { ends, colours, width: 1.2 };
}

// --- contours ----------------------------------------------------------------------------------------------------------

/** Levels between quantiles, so that a steep wall does not take them all. */
function levelsOf(values) {
  const sorted = Float32Array.from(values).filter(Number.isFinite).sort();
  if (!sorted.length) return [];
  const [low, high] = [sorted[0], sorted[Math.floor(0.93 * (sorted.length - 1))]];
  return high > low ? Array.from({ length: LEVELS }, (_, i) => low + ((i + 0.5) / LEVELS) * (high - low)) : [];
}

/** Marching squares: [from, to, colour] in cells of the grid. */
function contours(values, nx, ny, dark) {
  const segments = [];
  levelsOf(values).forEach((level, l) => {
    const colour = [...numberColour(l / (LEVELS - 1), dark), 170];
    for (let j = 0; j + 1 < ny; j++) {
      for (let i = 0; i + 1 < nx; i++) {
        const crossed = crossings(values, nx, i, j, level);
        for (let c = 0; c + 1 < crossed.length; c += 2) segments.push([crossed[c], crossed[c + 1], colour]);
      }
    }
  });
  return segments;
}

/** Where a level crosses the sides of a cell of the grid: none, two or four points. */
function crossings(values, nx, i, j, level) {
  const corner = [values[j * nx + i], values[j * nx + i + 1], values[(j + 1) * nx + i + 1], values[(j + 1) * nx + i]];
  const at = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
  const found = [];
  for (let side = 0; side < 4; side++) {
    const [a, b] = [corner[side], corner[(side + 1) % 4]];
    if (a < level === b < level || !Number.isFinite(a + b)) continue;
    const share = (level - a) / (b - a);
    const [p, q] = [at[side], at[(side + 1) % 4]];
    found.push([p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])]);
  }
  return found;
}

// --- streamlines -------------------------------------------------------------------------------------------------------

/** Evenly spread streamlines, with a head in the middle of each: [from, to, colour] in cells of the grid. */
function streamlines({ values, nx, ny, extent: [width, height] }, dark) {
  const field = { values, nx, ny, width, height, largest: strongestOf(values, nx * ny) };
  const taken = new Set();
  const segments = [];
  const grey = dark ? [150, 160, 190] : [95, 105, 135];
  for (let v = SPACING / 2; v < height; v += SPACING) {
    for (let u = SPACING / 2; u < width; u += SPACING) {
      if (taken.has(keyOf(u, v))) continue;
      const line = [...walk(field, u, v, -1, taken).reverse(), [u, v], ...walk(field, u, v, 1, taken)];
      for (const [x, y] of line) taken.add(keyOf(x, y));
      if (line.length > 6) addLine(segments, line, field, grey);
    }
  }
  const cell = ([x, y]) => [(x * (nx - 1)) / width, (y * (ny - 1)) / height];
  return segments.map(([a, b, colour]) => [cell(a), cell(b), colour]);
}

function keyOf(x, y) {
  return Math.floor(x / SPACING) * 4096 + Math.floor(y / SPACING);
}

/** Steps along the field until it ends, rests, closes, or comes to where another line is. */
function walk(field, x, y, sign, taken) {
  const line = [];
  const [x0, y0] = [x, y];
  let own = keyOf(x, y);
  for (let step = 0; step < LONGEST; step++) {
    const first = directionAt(field, x, y);
    const middle = first && directionAt(field, x + 0.5 * sign * STRIDE * first[0], y + 0.5 * sign * STRIDE * first[1]);
    if (!middle) break;
    [x, y] = [x + sign * STRIDE * middle[0], y + sign * STRIDE * middle[1]];
    const key = keyOf(x, y);
    if (x < 0 || y < 0 || x > field.width || y > field.height || (key !== own && taken.has(key))) break;
    own = key;
    line.push([x, y]);
    if (step > 4 && Math.hypot(x - x0, y - y0) < STRIDE) break; // a closed line
  }
  return line;
}

/** The field between points of the grid; null outside. */
function fieldAt({ values, nx, ny, width, height }, u, v) {
  const [x, y] = [(u * (nx - 1)) / width, (v * (ny - 1)) / height];
  const [i, j] = [Math.floor(x), Math.floor(y)];
  if (i < 0 || j < 0 || i + 1 >= nx || j + 1 >= ny) return null;
  const [s, t] = [x - i, y - j];
  return [0, nx * ny].map((start) => {
    const at = start + j * nx + i;
    return (1 - t) * ((1 - s) * values[at] + s * values[at + 1]) + t * ((1 - s) * values[at + nx] + s * values[at + nx + 1]);
  });
}

function directionAt(field, x, y) {
  const found = fieldAt(field, x, y);
  const size = found ? Math.hypot(...found) : 0;
  return size > 1e-4 * field.largest ? [found[0] / size, found[1] / size] : null;
}

function strongestOf(values, count) {
  let largest = 0;
  for (let i = 0; i < count; i++) if (Number.isFinite(values[i])) largest = Math.max(largest, Math.hypot(values[i], values[count + i]));
  return largest;
}

/** A line, stronger where the field is, and a head at its middle. */
function addLine(segments, line, field, grey) {
  const colourAt = ([x, y]) => {
    const strength = Math.hypot(...(fieldAt(field, x, y) ?? [0, 0])) / (field.largest || 1);
    return [...grey, 60 + 150 * Math.sqrt(Math.min(strength, 1))];
  };
  for (let i = 0; i + 1 < line.length; i++) segments.push([line[i], line[i + 1], colourAt(line[i])]);
  const middle = line.length >> 1;
  const [[x, y], [u, v]] = [line[middle - 1], line[middle]];
  const [a, b] = [u - x, v - y].map((value) => (1.6 * value) / Math.hypot(u - x, v - y));
  for (const side of [-1, 1]) segments.push([[u, v], [u - a + 0.5 * side * b, v - b - 0.5 * side * a], colourAt(line[middle])]);
}
