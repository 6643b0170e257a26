// Colours of classes, numbers and strains as palettes of 256 entries (RGBA), one for each code of a channel.

const CLASSES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#b8a200", "#7f7f7f", "#a65628"];
const NUMBERS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];
const STRAINS = ["#3b4cc0", "#7b9ff9", "#c0d4f5", "#cfcfcf", "#f6bfa6", "#ee8468", "#b40426"];
const OTHERS = [140, 140, 150];

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** The colour at a share from 0 to 1 along stops. */
function along(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [rgb(stops[low]), rgb(stops[low + 1])];
  return a.map((value, i) => Math.round(value + (b[i] - value) * (at - low)));
}

/** In the dark, the dark end of the scale of numbers is lifted. */
export function numberColour(share, dark) {
  return along(NUMBERS, dark ? 0.18 + 0.82 * share : share * 0.94);
}

export function strainColour(code) {
  return code ? along(STRAINS, (code - 1) / 254) : OTHERS;
}

/** The colour of a class; in the dark a lighter one. */
export function classColour(index, dark = false) {
  const colour = index < 0 ? OTHERS : rgb(CLASSES[index % CLASSES.length]);
  return dark ? colour.map((value) => Math.round(value + 0.3 * (255 - value))) : colour;
}

export function css(colour, alpha = 1) {
  return `rgba(${colour[0]}, ${colour[1]}, ${colour[2]}, ${alpha})`;
}

/** The number that a code of a channel stands for. */
export function numberOf(channel, code) {
  const share = (code - 1) / 254;
  if (channel.logarithmic) return channel.low * (channel.high / channel.low) ** share;
  return channel.low + (channel.high - channel.low) * share;
}

/**
 * A colouring of all panels: the channel of that name in each, on one scale.
 */
export class Colouring {
  constructor(name, panels) {
    this.name = name;
    this.channels = panels.map((panel) => panel.channels.find((channel) => channel.name === name) || null);
    this.numbers = panels.map((panel) => panel.channels.findIndex((channel) => channel.name === name));
    const known = this.channels.filter((channel) => channel !== null);
    this.classes = [...new Set(known.flatMap((channel) => channel.classes))];
    this.unit = known[0].unit;
    this.since = known[0].since;
    this.logarithmic = known.every((channel) => channel.logarithmic);
    this.low = Math.min(...known.map((channel) => channel.low));
    this.high = Math.max(...known.map((channel) => channel.high));
    this.hidden = new Set();
  }

  /** Where a number is on the scale, from 0 to 1. */
  share(value) {
    if (this.logarithmic) return Math.log(value / this.low) / Math.log(this.high / this.low);
    return (value - this.low) / (this.high - this.low);
  }

  /** The palette of a panel, 256 RGBA entries; hidden classes have an alpha of 0. */
  palette(p, frame, dark) {
    const palette = new Uint8Array(1024);
    const channel = this.channels[p];
    for (let code = 0; code < 256; code++) {
      palette.set([...this.colour(channel, code, frame, dark), this.isHidden(channel, code) ? 0 : 255], 4 * code);
    }
    return palette;
  }

  isHidden(channel, code) {
    return channel !== null && channel.classes.length > 0 && this.hidden.has(channel.classes[code]);
  }

  colour(channel, code, frame, dark) {
    if (channel === null) return OTHERS;
    if (channel.classes.length) return code < channel.classes.length ? classColour(this.classes.indexOf(channel.classes[code]), dark) : OTHERS;
    if (code === 0) return OTHERS;
    if (channel.since) {
      const since = ((code - 1) / 253) * channel.high;
      return code === 255 || frame < since ? OTHERS : numberColour(since / channel.high, dark);
    }
    return numberColour(this.share(numberOf(channel, code)), dark);
  }

  /** Stops of the scale of numbers, for a legend. */
  gradient(dark) {
    const stops = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1].map((share) => css(numberColour(share, dark)));
    return `linear-gradient(to right, ${stops.join(", ")})`;
  }

  /** What the code of a row says, in words. */
  static wordsOf(channel, code, steps) {
    if (channel.classes.length) return channel.classes[code] ?? "";
    if (code === 0) return "not known";
    if (channel.since) return code === 255 ? "moves to the end" : `step ${steps[Math.round(((code - 1) / 253) * channel.high)]}`;
    return `≈ ${Number(numberOf(channel, code).toPrecision(3))} ${channel.unit}`;
  }
}
