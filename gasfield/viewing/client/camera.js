// The camera: orthographic, so that a length is as long wherever it is. It turns in three dimensions only.

const MARGIN = 0.88; // of a panel that the box fills

export class Camera {
  /** @param box {low, high} (3) in the unit cube, which it shows as a whole */
  constructor(solid, box) {
    this.solid = solid;
    this.box = box;
    this.reset();
  }

  reset() {
    this.centre = this.box.low.map((low, k) => (low + this.box.high[k]) / 2);
    this.zoom = 1;
    this.turn = [1, 0, 0, 0, 1, 0, 0, 0, 1]; // rows: right, up, towards the eye
    if (this.solid) {
      this.rotate(-0.5, 0);
      this.rotate(0, 0.35);
    }
    this.extent = [0, 1].map((row) => Math.max(2 * this.half(row), 1e-6));
    this.depth = Math.max(Math.hypot(...this.box.low.map((low, k) => this.box.high[k] - low)), 1e-6); // of fog
  }

  /** Shows a box {low, high} (3) as a whole, from the same side. */
  fit({ low, high }, width, height) {
    this.centre = low.map((value, k) => (value + high[k]) / 2);
    const [across, up] = [0, 1].map((row) => low.reduce((sum, value, k) => sum + Math.abs(this.turn[3 * row + k]) * (high[k] - value), 0));
    const wanted = MARGIN * Math.min(width / Math.max(across, 1e-9), height / Math.max(up, 1e-9));
    this.depth = Math.max(Math.hypot(...low.map((value, k) => high[k] - value)), 1e-6);
    this.zoom *= Math.min(wanted / this.scale(width, height), 1e5 / this.zoom);
  }

  /** Half the extent of the box along a direction of the screen. */
  half(row) {
    return this.box.low.reduce((sum, low, k) => sum + (Math.abs(this.turn[3 * row + k]) * (this.box.high[k] - low)) / 2, 0);
  }

  /** Pixels of a unit of length in a panel of some width and height. */
  scale(width, height) {
    return this.zoom * MARGIN * Math.min(width / this.extent[0], height / this.extent[1]);
  }

  /** Turns about the vertical and the horizontal of the screen [radians]. */
  rotate(across, along) {
    const [ca, sa, cb, sb] = [Math.cos(across), Math.sin(across), Math.cos(along), Math.sin(along)];
    const [x, y, z] = [this.turn.slice(0, 3), this.turn.slice(3, 6), this.turn.slice(6, 9)];
    const right = x.map((value, i) => ca * value + sa * z[i]);
    const back = z.map((value, i) => ca * value - sa * x[i]);
    const up = y.map((value, i) => cb * value - sb * back[i]);
    this.turn = [...right, ...up, ...back.map((value, i) => cb * value + sb * y[i])];
  }

  /** Moves what is looked at by pixels. */
  pan(across, down, width, height) {
    const scale = this.scale(width, height);
    for (let i = 0; i < 3; i++) this.centre[i] -= (across * this.turn[i] - down * this.turn[3 + i]) / scale;
  }

  /** Zooms by a factor, with the place under a point of the panel, measured from its middle, at rest. */
  zoomAt(factor, across, down, width, height) {
    const before = this.scale(width, height);
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.05), 1e5);
    const apart = 1 / before - 1 / this.scale(width, height);
    for (let i = 0; i < 3; i++) this.centre[i] += (across * this.turn[i] - down * this.turn[3 + i]) * apart;
  }

  /** The point of the unit cube under a place in a panel [pixels], at a height towards the eye above the centre. */
  under(across, down, height, width, tall) {
    const scale = this.scale(width, tall);
    const [a, b] = [(across - width / 2) / scale, (tall / 2 - down) / scale];
    return this.centre.map((value, i) => value + a * this.turn[i] + b * this.turn[3 + i] + height * this.turn[6 + i]);
  }

  /** Place in a panel [pixels] and height towards the eye of a point in the unit cube. */
  place(x, y, z, width, height) {
    const [a, b, c] = [x - this.centre[0], y - this.centre[1], z - this.centre[2]];
    const t = this.turn;
    const scale = this.scale(width, height);
    return [
      width / 2 + scale * (t[0] * a + t[1] * b + t[2] * c),
      height / 2 - scale * (t[3] * a + t[4] * b + t[5] * c),
      t[6] * a + t[7] * b + t[8] * c,
    ];
  }
}
