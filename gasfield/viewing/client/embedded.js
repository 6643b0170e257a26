// A source of frames: everything is in the page. The first frames can be drawn before the last are unpacked.
//
// What a view asks of a source, for panel p, frame f, channel c (null means: not here yet, `onchange` will be called):
//   description, pairs, rows(p), bonds(p), cells(p, f), codes(p, c, f), strain(p, f): at once
//   path(p, row), neighbours(p, f, row): promises; neighbours are {rows, distances or null}, or null

import { fromBase64, inflate, joinPlanes, undoDifferences } from "./unpack.js";

export class EmbeddedSource {
  /** @param {Document} page that holds description and blobs */
  constructor(page) {
    this.elements = new Map();
    for (const element of page.querySelectorAll("script[data-name]")) this.elements.set(element.dataset.name, element);
    this.description = JSON.parse(this.elements.get("description").textContent);
    this.pairs = null;
    this.onchange = () => {};
    this.complete = false;
    this.parts = this.description.panels.map(() => ({ cells: [], codes: [], strain: null, near: null }));
  }

  /** Unpacks what the first picture needs, and goes on with the rest. */
  async open() {
    for (const [p, part] of this.parts.entries()) {
      part.rows = JSON.parse(new TextDecoder().decode(await this.take(`${p}.rows`, 1)));
      part.bonds = this.elements.has(`blob ${p}.bonds`) ? await this.take(`${p}.bonds`, 4) : new Uint32Array(0);
      await this.unpackChunk(p, 0);
      if (this.elements.has(`blob ${p}.strain`)) part.strain = await this.take(`${p}.strain`, 1, this.description.panels[p].bonds);
      await this.unpackCodes(p, 0);
    }
    if (this.description.pairs) this.pairs = await this.take("pairs", 4);
    this.rest = this.unpackRest();
  }

  async unpackRest() {
    const { panels } = this.description;
    const chunks = panels.map((panel) => Math.ceil(panel.steps.length / panel.chunk));
    for (let chunk = 1; chunk < Math.max(...chunks); chunk++) {
      for (const p of panels.keys()) if (chunk < chunks[p]) await this.unpackChunk(p, chunk);
      this.onchange();
    }
    for (const [p, panel] of panels.entries()) {
      for (const c of panel.channels.keys()) if (c) await this.unpackCodes(p, c);
      if (panel.near.length) {
        this.parts[p].near = await this.take(`${p}.near`, panel.count < 0xffff ? 2 : 4, this.description.count * panel.count);
      }
      this.onchange();
    }
    this.complete = true;
    this.onchange();
  }

  async unpackChunk(p, chunk) {
    const panel = this.description.panels[p];
    this.parts[p].cells[chunk] = await this.take(`${p}.cells.${chunk}`, 2, panel.axes.length * panel.count);
  }

  async unpackCodes(p, c) {
    this.parts[p].codes[c] = await this.take(`${p}.codes.${c}`, 1, this.description.panels[p].count);
  }

  /** The words of a blob, which leaves the page; `width` words a frame if it holds differences. */
  async take(name, size, width = 0) {
    const element = this.elements.get(`blob ${name}`);
    const bytes = fromBase64(element.textContent);
    element.remove();
    this.elements.delete(`blob ${name}`);
    const words = joinPlanes(await inflate(bytes), size);
    return width ? undoDifferences(words, width) : words;
  }

  rows(p) {
    return this.parts[p].rows;
  }

  bonds(p) {
    return this.parts[p].bonds;
  }

  cells(p, f) {
    const panel = this.description.panels[p];
    const chunk = this.parts[p].cells[Math.floor(f / panel.chunk)];
    const width = panel.axes.length * panel.count;
    const start = (f % panel.chunk) * width;
    return chunk ? chunk.subarray(start, start + width) : null;
  }

  codes(p, c, f) {
    const panel = this.description.panels[p];
    const codes = this.parts[p].codes[c];
    if (!codes) return null;
    return panel.channels[c].moves ? codes.subarray(f * panel.count, (f + 1) * panel.count) : codes;
  }

  strain(p, f) {
    const { bonds } = this.description.panels[p];
    return this.parts[p].strain && this.parts[p].strain.subarray(f * bonds, (f + 1) * bonds);
  }

  async path(p, row) {
    const panel = this.description.panels[p];
    const [axes, frames] = [panel.axes.length, panel.steps.length];
    const path = new Uint16Array(axes * frames).fill(0xffff);
    for (let f = 0; f < frames; f++) {
      const cells = this.cells(p, f);
      if (cells) for (let k = 0; k < axes; k++) path[f * axes + k] = cells[k * panel.count + row];
    }
    return path;
  }

  async neighbours(p, f, row) {
    const panel = this.description.panels[p];
    const place = panel.near.indexOf(f);
    const { near } = this.parts[p];
    if (place < 0 || !near) return null;
    const nobody = panel.count < 0xffff ? 0xffff : 0xffffffff;
    const rows = [];
    for (let k = 0; k < this.description.count; k++) {
      const other = near[(place * this.description.count + k) * panel.count + row];
      if (other !== nobody) rows.push(other);
    }
    return { rows, distances: null };
  }
}
