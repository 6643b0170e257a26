// A still of what is seen, as PNG or as SVG.

import { css, strainColour } from "./colours.js";
import { tokenOf } from "./elements.js";

const FOOT = 46;
const PAPER = { false: "#ffffff", true: "#101116" };
const INK = { false: "#22223b", true: "#e8e8f0" };

/** A PNG: points and marks, with a title, the step and the colouring below. */
export function pngOf(view, caption) {
  view.draw();
  const ratio = view.canvas.width / view.root.clientWidth;
  const still = document.createElement("canvas");
  [still.width, still.height] = [view.canvas.width, view.canvas.height + Math.round(FOOT * ratio)];
  const pen = still.getContext("2d");
  pen.fillStyle = PAPER[view.dark];
  pen.fillRect(0, 0, still.width, still.height);
  if (!view.paper.hidden) pen.drawImage(view.paper, 0, 0);
  pen.drawImage(view.canvas, 0, 0);
  if (!view.overlay.hidden) pen.drawImage(view.overlay, 0, 0);
  view.corners.forEach((corner) => pen.drawImage(corner, Math.round(corner.offsetLeft * ratio), Math.round(corner.offsetTop * ratio)));
  pen.scale(ratio, ratio);
  pen.fillStyle = INK[view.dark];
  caption.forEach((text, i) => {
    pen.font = i ? "12px system-ui, sans-serif" : "bold 13px system-ui, sans-serif";
    pen.fillText(text, 12, view.root.clientHeight + 17 + 18 * i, view.root.clientWidth - 24);
  });
  return new Promise((resolve) => still.toBlob(resolve, "image/png"));
}

/** An SVG: every point a circle, so that it can be taken apart. */
export function svgOf(view, caption) {
  const [width, height] = [view.root.clientWidth, view.root.clientHeight];
  const parts = [`<rect width="${width}" height="${height + FOOT}" fill="${PAPER[view.dark]}"/>`];
  for (const panel of view.panels) parts.push(svgOfPanel(view, panel));
  caption.forEach((text, i) => {
    parts.push(`<text x="12" y="${height + 17 + 18 * i}" fill="${INK[view.dark]}" font-size="${i ? 12 : 13}"${i ? "" : ' font-weight="bold"'}>${escaped(text)}</text>`);
  });
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + FOOT}" viewBox="0 0 ${width} ${height + FOOT}" font-family="system-ui, sans-serif">`;
  return new Blob([head, ...parts, "</svg>\n"], { type: "image/svg+xml" });
}

function svgOfPanel(view, panel) {
  const [left, top, width, height] = view.rectangle(panel.p);
  const at = (place) => view.camera.place(...place, width, height);
  const parts = [];
  const segment = (a, b, colour, thickness) => {
    const [[x, y], [u, v]] = [at(a), at(b)];
    parts.push(`<line x1="${x.toFixed(1)}" y1="${y.toFixed(1)}" x2="${u.toFixed(1)}" y2="${v.toFixed(1)}" stroke="${colour}" stroke-width="${thickness}"/>`);
  };
  for (const [a, b] of panel.outline) segment(a, b, "#8080906e", 1);
  if (panel.cells) {
    for (let i = 0; i < panel.bonds.length / 2; i++) {
      const [a, b] = [panel.at(panel.bonds[2 * i]), panel.at(panel.bonds[2 * i + 1])];
      if (a && b && !panel.wraps(a, b)) segment(a, b, css(strainColour(panel.strain ? panel.strain[i] : 0)), 2);
    }
    circlesOf(view, panel, at, parts);
  }
  return `<svg x="${left}" y="${top}" width="${width}" height="${height}">${parts.join("")}</svg>`;
}

function circlesOf(view, panel, at, parts) {
  const palette = view.palette(panel.p);
  const circles = [];
  for (let row = 0; row < panel.about.count; row++) {
    const place = panel.at(row);
    const code = 4 * panel.codes[row];
    if (place && palette[code + 3]) circles.push([...at(place), css(palette.subarray(code, code + 3))]);
  }
  if (view.camera.solid) circles.sort((one, other) => one[2] - other[2]);
  for (const [x, y, , colour] of circles) {
    parts.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${(view.size / 2).toFixed(1)}" fill="${colour}"/>`);
  }
  const row = view.selected[panel.p];
  const place = row >= 0 && panel.at(row);
  if (place) {
    const [x, y] = at(place);
    parts.push(`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="9" fill="none" stroke="#e8590c" stroke-width="2.5"/>`);
    parts.push(`<text x="${(x + 11).toFixed(1)}" y="${(y - 9).toFixed(1)}" fill="${INK[view.dark]}" font-size="13">${escaped(tokenOf(panel.rows, row))}</text>`);
  }
}

function escaped(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A drawing as PNG, twice as fine. */
export async function rastered(blob, width, height) {
  const address = URL.createObjectURL(blob);
  const picture = new Image(width, height);
  picture.src = address;
  await picture.decode();
  const still = document.createElement("canvas");
  [still.width, still.height] = [2 * width, 2 * height];
  still.getContext("2d").drawImage(picture, 0, 0, still.width, still.height);
  URL.revokeObjectURL(address);
  return new Promise((resolve) => still.toBlob(resolve, "image/png"));
}

/** Hands a file to the user. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  [link.href, link.download] = [address, name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
