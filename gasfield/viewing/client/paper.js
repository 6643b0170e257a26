// The paper below the canvas of WebGL, where WebGL is computed by the processor: what stays while the camera rests is read
// back once, points are stamped onto a copy of it, and the picture is put into a plain canvas.

import { stamp } from "./stamps.js";

export class Paper {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { alpha: false });
    this.kept = new Map(); // key of a panel -> {state, rectangle, pixels, image, copy}
  }

  /** What stays of a panel, taken anew where its state is another one. */
  background(key, state, rectangle, take) {
    const [, , width, height] = rectangle;
    const kept = this.kept.get(key);
    const isSame = kept && kept.state.length === state.length && kept.state.every((value, i) => value === state[i]);
    if (!isSame) this.kept.set(key, { state, rectangle, ...taken(width, height, take) });
  }

  /** Puts it with points {places, tints} as they look (see stamp); with heights where they hide each other. */
  points(key, points, look, isSolid) {
    const kept = this.kept.get(key);
    const [, , width, height] = kept.rectangle;
    kept.copy.set(kept.pixels);
    if (isSolid) kept.heights = (kept.heights ?? new Float32Array(width * height)).fill(-Infinity);
    stamp({ pixels: kept.copy, heights: isSolid ? kept.heights : null, width, height }, points, look);
    this.put(key);
  }

  put(key) {
    const { image, rectangle } = this.kept.get(key);
    const [left, bottom, , height] = rectangle;
    this.pen.putImageData(image, left, this.canvas.height - bottom - height);
  }
}

/** Pixels as they are taken, from the highest row, and an image that begins as a copy of them. */
function taken(width, height, take) {
  const pixels = new Uint32Array(width * height);
  take(new Uint8Array(pixels.buffer));
  flip(pixels, width, height);
  const image = new ImageData(width, height);
  const copy = new Uint32Array(image.data.buffer);
  copy.set(pixels);
  return { pixels, image, copy };
}

/** The rows of WebGL go up, those of a canvas down. */
function flip(pixels, width, height) {
  for (let row = 0; row < height >> 1; row++) {
    const upper = pixels.slice(row * width, (row + 1) * width);
    pixels.copyWithin(row * width, (height - 1 - row) * width, (height - row) * width);
    pixels.set(upper, (height - 1 - row) * width);
  }
}
