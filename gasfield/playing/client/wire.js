// The wire to the engine: one message a verb, answered by its number; frames come as bytes. A channel carries it: a web
// socket here, a notebook's own messages in `widget_play.js`.

import { readFrame } from "./frame.js";

export class Wire {
  /** @param channel {send(text), close()}; it calls `wire.take(text or ArrayBuffer)` and `wire.lost()` */
  constructor(channel) {
    this.channel = channel;
    this.number = 0;
    this.waiting = new Map(); // number -> [resolve, reject]
    this.onhello = this.onstate = this.onframe = this.onrefused = this.onended = this.onlost = () => {};
    this.open = true;
  }

  /** Sends a verb with its value; the promise holds what was done, or fails with the reason why not. */
  ask(verb, value) {
    const id = ++this.number;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, [resolve, reject]));
    this.tell(verb, value, id);
    return answer;
  }

  /** Sends a verb whose answer does not matter. */
  tell(verb, value, id = ++this.number) {
    if (this.open) this.channel.send(JSON.stringify({ id, [verb]: value }));
  }

  /** Takes a message: text in JSON, or a frame in bytes. */
  take(message) {
    if (typeof message !== "string") {
      this.onframe(readFrame(message));
      return;
    }
    const [kind, content] = Object.entries(JSON.parse(message))[0];
    if (kind === "hello") this.onhello(content);
    else if (kind === "state") this.onstate(content);
    else if (kind === "done") this.answer(content.id)?.[0](content);
    else if (kind === "refused") this.refused(content);
    else if (kind === "ended") this.onended(content);
  }

  refused({ id, message }) {
    const found = this.answer(id);
    if (found) found[1](new Refusal(message));
    else this.onrefused(message);
  }

  answer(id) {
    const found = this.waiting.get(id);
    this.waiting.delete(id);
    return found;
  }

  /** The channel is closed. */
  lost() {
    this.open = false;
    for (const [, reject] of this.waiting.values()) reject(new Refusal("the connection was closed"));
    this.waiting.clear();
    this.onlost();
  }
}

/** Why something was not done. */
export class Refusal extends Error {}

/** A wire over a web socket. */
export function wireTo(address) {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const wire = new Wire({ send: (text) => socket.send(text), close: () => socket.close() });
  wire.open = false;
  socket.addEventListener("open", () => (wire.open = true));
  socket.addEventListener("message", (event) => wire.take(event.data));
  socket.addEventListener("close", () => wire.lost());
  return wire;
}
