// What keys do.

import { TOOLS } from "./tools.js";

export const HELP = "space play · . step · + − speed · u undo · home start · 1 look · 2 plant · 3 choose · 4 kick · 5 move · esc none · c colour · t trails · b underneath · [ ] size · f fit · r reset · d dark · p png · shift-drag, right button: move · wheel: zoom";
const TYPED = /^(INPUT|SELECT|TEXTAREA)$/;
const PRESSED = /^(BUTTON|SUMMARY|INPUT)$/;

/** What a key does in a player; nothing while something is typed, or where the key is that of a control. */
export function actOf(player, event) {
  const { tagName, type } = event.composedPath()[0];
  if (event.metaKey || event.altKey || (TYPED.test(tagName) && type !== "range" && type !== "checkbox")) return null;
  if ((event.key === " " && PRESSED.test(tagName)) || (event.key === "Home" && type === "range")) return null;
  return event.ctrlKey ? { z: () => player.takeBack() }[event.key] : actsOf(player)[event.key];
}

function actsOf(player) {
  const { view, transport, bar } = player;
  const tools = TOOLS.map((name, i) => [String(i + 1), () => player.use(name)]);
  return {
    " ": () => transport.toggle(),
    ".": () => player.ask("step", 1),
    "+": () => transport.faster(1),
    "-": () => transport.faster(-1),
    u: () => player.takeBack(),
    Home: () => player.restart(),
    Escape: () => (player.choose([]), player.use("look")),
    c: () => bar.next(bar.colour),
    t: () => bar.next(bar.trail),
    b: () => bar.next(bar.under),
    "[": () => player.resize(0.8),
    "]": () => player.resize(1.25),
    f: () => view.fit(),
    r: () => (view.camera.reset(), view.ask()),
    d: () => player.setTheme(!view.dark),
    p: () => player.still(),
    ...Object.fromEntries(tools),
  };
}
