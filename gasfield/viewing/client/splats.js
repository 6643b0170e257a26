// Points drawn by the processor, pixel by pixel as the shaders in drawing.js draw them: without a graphics card the
// browser spends more on setting up each point than on its pixels.

export class Splats {
  constructor(count) {
    this.at = [new Float32Array(count), new Float32Array(count), new Float32Array(count)];
    this.colours = new Uint8Array(0);
    this.heights = new Float32Array(0);
  }

  /**
   * Draws points over a paper, in front goes first.
   *
   * @param places (n, 3) cells, tints (n, 4) colours; an alpha of 0 is not drawn
   * @param look turn (9, row by row), origin, cell, scale [2 / length], size and depth as the shaders have them; opacity
   * @returns the box that holds all of them [left, bottom, width, height in pixels]; `colours` begins with its pixels
   *   (height, width, 4), rows from below
   */
  draw(places, tints, width, height, paper, look) {
    const box = this.place(places, tints, width, height, look);
    const pixels = box[2] * box[3];
    if (pixels > this.heights.length) {
      this.colours = new Uint8Array(4 * pixels);
      this.heights = new Float32Array(pixels);
    }
    new Uint32Array(this.colours.buffer).fill(packed(paper), 0, pixels);
    this.heights.fill(-Infinity, 0, pixels);
    if (pixels) this.fill(tints, paper, look, box);
    return box;
  }

  /** Finds where points are [pixels], NaN for those that are not drawn, and the box around them. */
  place(places, tints, width, height, { turn, origin, cell, scale, size, depth }) {
    const [xs, ys, zs] = this.at;
    const factors = [0.5 * width * scale[0], 0.5 * height * scale[1], 1]; // pixels of a unit of length
    const [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = factors.map((factor, row) => [0, 1, 2].map((k) => turn[3 * row + k] * cell * factor));
    const [x0, y0, z0] = factors.map((factor, row) => factor * [0, 1, 2].reduce((sum, k) => sum + turn[3 * row + k] * origin[k], 0) + [0.5 * width, 0.5 * height, 0][row]);
    let [left, right, bottom, top] = [width, 0, height, 0];
    for (let i = 0; i < xs.length; i++) {
      const [p, q, r] = [places[3 * i], places[3 * i + 1], places[3 * i + 2]];
      const x = x0 + xx * p + xy * q + xz * r;
      const y = y0 + yx * p + yy * q + yz * r;
      xs[i] = NaN;
      if (tints[4 * i + 3] < 128 || !(x >= 0 && x <= width && y >= 0 && y <= height)) continue;
      [xs[i], ys[i], zs[i]] = [x, y, z0 + zx * p + zy * q + zz * r];
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < bottom) bottom = y;
      if (y > top) top = y;
    }
    const reach = 0.5 * (size * (depth > 0 ? 1.3 : 1) + 0.7);
    const [from, below] = [Math.max(Math.floor(left - reach), 0), Math.max(Math.floor(bottom - reach), 0)];
    return [from, below, Math.max(Math.min(Math.ceil(right + reach), width) - from, 0), Math.max(Math.min(Math.ceil(top + reach), height) - below, 0)];
  }

  fill(tints, paper, { size, depth, opacity }, [fromLeft, below, width, height]) {
    const { colours, heights } = this;
    const [xs, ys, zs] = this.at;
    const [paperRed, paperGreen, paperBlue] = paper.map((value) => 255 * value);
    for (let i = 0; i < xs.length; i++) {
      const x = xs[i] - fromLeft;
      if (Number.isNaN(x)) continue;
      const y = ys[i] - below;
      const z = zs[i];
      const near = depth > 0 ? Math.min(Math.max(0.5 + z / depth, 0), 1) : 1;
      const fog = 0.5 * (1 - near);
      const red = tints[4 * i] + (paperRed - tints[4 * i]) * fog;
      const green = tints[4 * i + 1] + (paperGreen - tints[4 * i + 1]) * fog;
      const blue = tints[4 * i + 2] + (paperBlue - tints[4 * i + 2]) * fog;
      const across = size * (depth > 0 ? 0.7 + 0.6 * near : 1) + 0.7;
      const half = 0.5 * across;
      const inverse = 1 / (across * across);
      const left = Math.max(Math.ceil(x - half - 0.5), 0);
      const right = Math.min(Math.floor(x + half - 0.5), width - 1);
      const top = Math.min(Math.floor(y + half - 0.5), height - 1);
      for (let v = Math.max(Math.ceil(y - half - 0.5), 0); v <= top; v++) {
        const dy = v + 0.5 - y;
        for (let u = left; u <= right; u++) {
          const dx = u + 0.5 - x;
          const squared = (dx * dx + dy * dy) * inverse;
          const at = v * width + u;
          if (squared > 0.25 || (depth > 0 && z < heights[at])) continue;
          heights[at] = z;
          const cover = opacity * Math.min((0.25 - squared) * across, 1);
          const shade = 1.05 - squared;
          const byte = 4 * at;
          colours[byte] += (Math.min(red * shade, 255) - colours[byte]) * cover + 0.5;
          colours[byte + 1] += (Math.min(green * shade, 255) - colours[byte + 1]) * cover + 0.5;
          colours[byte + 2] += (Math.min(blue * shade, 255) - colours[byte + 2]) * cover + 0.5;
        }
      }
    }
  }
}

/** A colour [0 to 1] as the four bytes of an opaque pixel. */
function packed(colour) {
  return new Uint32Array(new Uint8Array([...colour.map((value) => Math.round(255 * value)), 255]).buffer)[0];
}
