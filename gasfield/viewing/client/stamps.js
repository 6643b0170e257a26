// Points drawn by the processor as the shaders in drawing.js draw them, with small round stamps that are made once: without
// a graphics card the browser spends more on setting up each point than on its pixels.

const PHASES = 8; // places of the middle of a stamp between pixels, along each axis
const SIZES = 8; // sizes of stamps in a pixel
const BRIGHTEST = 1.05; // in the middle of a point
const kernels = new Map();

/**
 * Stamps points into an image, in front goes first where it has heights.
 *
 * @param image {pixels (height * width, RGBA as one number), heights or null, width, height}, rows from above
 * @param points {places (3n), tints (4n)}; an alpha of 0 is not drawn
 * @param look rows of the map from places to x (right), y (down) and z (towards the eye) in pixels, with a constant each;
 *   size [pixels], opacity, fog {depth, paper} or null
 */
export function stamp(image, { places, tints }, { map, size, opacity, fog }) {
  const { pixels, heights, width, height } = image;
  const [[xx, xy, xz, x0], [yx, yy, yz, y0], [zx, zy, zz, z0]] = map;
  const colours = new Uint32Array(tints.buffer);
  const flat = kernelOf(size + 0.7, opacity, width);
  let near = 1;
  for (let i = 0; i < colours.length; i++) {
    if (!(colours[i] >>> 31)) continue;
    const [p, q, r] = [places[3 * i], places[3 * i + 1], places[3 * i + 2]];
    const x = x0 + xx * p + xy * q + xz * r;
    const y = y0 + yx * p + yy * q + yz * r;
    if (!(x >= 0 && y >= 0 && x <= width && y <= height)) continue;
    const z = z0 + zx * p + zy * q + zz * r;
    if (fog) near = Math.min(Math.max(0.5 + z / fog.depth, 0), 1);
    const kernel = fog ? kernelOf(size * (0.7 + 0.6 * near) + 0.7, opacity, width) : flat;
    const colour = brightened(colours[i], fog, 0.5 * (1 - near));
    const [left, above] = [Math.floor(x), Math.floor(y)];
    const { offsets, across, down, paints, rests } = kernel.phases[Math.floor((x - left) * PHASES) + PHASES * Math.floor((y - above) * PHASES)];
    const isCut = left < kernel.reach || above < kernel.reach || left >= width - kernel.reach || above >= height - kernel.reach;
    const [redBlue, green, start] = [colour & 0xff00ff, colour & 0xff00, above * width + left];
    for (let k = 0; k < offsets.length; k++) {
      if (isCut && (left + across[k] < 0 || left + across[k] >= width || above + down[k] < 0 || above + down[k] >= height)) continue;
      const at = start + offsets[k];
      if (heights) {
        if (z < heights[at]) continue;
        heights[at] = z;
      }
      const [paint, rest, under] = [paints[k], rests[k], pixels[at]];
      const mixed = ((redBlue * paint + (under & 0xff00ff) * rest) >>> 8) & 0xff00ff;
      pixels[at] = 0xff000000 | mixed | (((green * paint + (under & 0xff00) * rest) >>> 8) & 0xff00);
    }
  }
}

/** A colour in its fog, as bright as in the middle of a point. */
function brightened(colour, fog, share) {
  let bright = 0;
  for (let shift = 0; shift < 24; shift += 8) {
    const own = (colour >>> shift) & 0xff;
    const seen = fog ? own + (fog.paper[shift >> 3] - own) * share : own;
    bright |= Math.min(BRIGHTEST * seen, 255) << shift;
  }
  return bright;
}

/** Stamps of a diameter for each place of the middle between pixels. */
function kernelOf(diameter, opacity, width) {
  const steps = Math.round(SIZES * diameter);
  const key = (steps * 256 + Math.round(255 * opacity)) * 65536 + width;
  let kernel = kernels.get(key);
  if (!kernel) {
    if (kernels.size > 500) kernels.clear();
    const reach = Math.ceil(steps / SIZES / 2) + 1;
    const phases = Array.from({ length: PHASES * PHASES }, (_, phase) => phaseOf(phase, reach, steps / SIZES, opacity, width));
    kernels.set(key, (kernel = { reach, phases }));
  }
  return kernel;
}

/** The pixels of a stamp, how much colour each gets and how much it keeps, of 256. */
function phaseOf(phase, reach, diameter, opacity, width) {
  const [dx, dy] = [((phase % PHASES) + 0.5) / PHASES, (Math.floor(phase / PHASES) + 0.5) / PHASES];
  const stamp = { offsets: [], across: [], down: [], paints: [], rests: [] };
  for (let j = -reach; j <= reach; j++) {
    for (let i = -reach; i <= reach; i++) {
      const squared = ((i + 0.5 - dx) ** 2 + (j + 0.5 - dy) ** 2) / diameter ** 2;
      if (squared > 0.25) continue;
      const share = opacity * Math.min((0.25 - squared) * diameter, 1);
      const values = [j * width + i, i, j, Math.round((256 * share * (BRIGHTEST - squared)) / BRIGHTEST), 256 - Math.round(256 * share)];
      Object.values(stamp).forEach((list, k) => list.push(values[k]));
    }
  }
  return Object.fromEntries(Object.entries(stamp).map(([name, list]) => [name, Int32Array.from(list)]));
}
