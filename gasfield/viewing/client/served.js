// A source of frames: `gasfield view --serve` answers for one at a time. See embedded.js for what a view asks.

import { EmbeddedSource } from "./embedded.js";

const KEPT_BYTES = 2 ** 28;
const AT_ONCE = 4;

export class ServedSource extends EmbeddedSource {
  constructor(page) {
    super(page);
    this.kept = new Map(); // address -> bytes, the least recently used first
    this.size = 0;
    this.waiting = new Map(); // address -> promise
  }

  async open() {
    for (const [p, part] of this.parts.entries()) {
      part.rows = JSON.parse(new TextDecoder().decode(await this.take(`${p}.rows`, 1)));
      part.bonds = this.elements.has(`blob ${p}.bonds`) ? await this.take(`${p}.bonds`, 4) : new Uint32Array(0);
      await this.fetched(`cells/${p}/0`);
      await this.fetched(`codes/${p}/0/0`);
    }
    if (this.description.pairs) this.pairs = await this.take("pairs", 4);
    this.complete = true;
  }

  cells(p, f) {
    const bytes = this.now(`cells/${p}/${f}`);
    if (f + 1 < this.description.panels[p].steps.length) this.now(`cells/${p}/${f + 1}`);
    return bytes && new Uint16Array(bytes);
  }

  codes(p, c, f) {
    const { moves } = this.description.panels[p].channels[c];
    const bytes = this.now(`codes/${p}/${c}/${moves ? f : 0}`);
    return bytes && new Uint8Array(bytes);
  }

  strain(p, f) {
    const bytes = this.description.panels[p].bonds ? this.now(`strain/${p}/${f}`) : null;
    return bytes && new Uint8Array(bytes);
  }

  async path(p, row) {
    return new Uint16Array(await this.fetched(`path/${p}/${row}`));
  }

  async neighbours(p, f, row) {
    return JSON.parse(new TextDecoder().decode(await this.fetched(`neighbours/${p}/${f}/${row}`)));
  }

  /** What is here already; else null, and it is asked for unless much is under way. */
  now(address) {
    const bytes = this.kept.get(address);
    if (bytes) {
      this.kept.delete(address);
      this.kept.set(address, bytes);
      return bytes;
    }
    if (this.waiting.size < AT_ONCE && !this.waiting.has(address)) this.fetched(address).then(() => this.onchange(), () => {});
    return null;
  }

  fetched(address) {
    if (this.kept.has(address)) return Promise.resolve(this.kept.get(address));
    if (!this.waiting.has(address)) {
      this.waiting.set(address, this.ask(address).finally(() => this.waiting.delete(address)));
    }
    return this.waiting.get(address);
  }

  async ask(address) {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    const bytes = await answer.arrayBuffer();
    this.kept.set(address, bytes);
    this.size += bytes.byteLength;
    for (const [oldest, old] of this.kept) {
      if (this.size <= KEPT_BYTES || oldest === address) break;
      this.kept.delete(oldest);
      this.size -= old.byteLength;
    }
    return bytes;
  }
}
