// The player as a widget of a notebook (anywidget): the same client over the notebook's own messages, in a tree of its own so
// that neither style touches the other.

import { element } from "../../viewing/client/elements.js";
import { play } from "./player.js";
import { Wire } from "./wire.js";

/** Shows a session in an element of the notebook. */
function render({ model, el }) {
  const host = element("div", { class: "gasfield" });
  const root = element("div", { tabindex: "0" });
  const height = `:host { display: block; height: ${model.get("height")}px; overflow: auto; position: relative; }\n.viewer { height: ${model.get("height")}px; }`;
  const style = element("style", {}, `${scoped(model.get("style_sheet"))}\n${height}`);
  host.attachShadow({ mode: "open" }).append(style, root);
  el.append(host);
  const wire = new Wire({ send: (text) => model.send({ text }), close: () => {} });
  const take = (content, buffers) => wire.take(content.text ?? bytesOf(buffers[0]));
  model.on("msg:custom", take);
  const player = play(root, wire, { theme: host, keys: root, name: () => {} });
  model.send({ text: "open" });
  host.player = player;
  return () => model.off("msg:custom", take);
}

/** A style sheet of a page for a tree of its own. */
function scoped(sheet) {
  return sheet.replaceAll(/:root\[([^\]]*)\]/g, ":host([$1])").replaceAll(":root", ":host").replaceAll("html, body", ":host");
}

/** The bytes of a buffer of a message, which may be a part of a larger one. */
function bytesOf({ buffer, byteOffset, byteLength }) {
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
