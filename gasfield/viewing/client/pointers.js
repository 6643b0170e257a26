// Mouse and touch in a view: they turn, move and zoom the camera, pick rows, or are handed to the view's tool.

/** Listens in the element that a view fills. */
export function listenTo(view) {
  const held = new Map();
  const { root } = view;
  const local = (event) => {
    const box = root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  root.addEventListener("pointerdown", (event) => {
    root.setPointerCapture(event.pointerId);
    const tool = held.size || event.button || event.shiftKey ? null : view.tool;
    const at = local(event);
    held.set(event.pointerId, { at, moved: 0, pans: event.shiftKey || event.button > 0, tool: tool?.down(at) ? tool : null });
  });
  root.addEventListener("pointermove", (event) => {
    const now = local(event);
    const one = held.get(event.pointerId);
    if (!one) {
      if (view.onhover) view.onhover(...view.pickAt(now));
      return;
    }
    if (one.tool) one.tool.move(now);
    else dragged(view, one, now, held);
    one.moved += Math.hypot(now[0] - one.at[0], now[1] - one.at[1]);
    one.at = now;
  });
  root.addEventListener("pointerup", (event) => {
    const one = held.get(event.pointerId);
    if (one?.tool) one.tool.up(local(event));
    else if (one && one.moved < 5 && held.size === 1) view.onpick(...view.pickAt(one.at));
    held.delete(event.pointerId);
  });
  root.addEventListener("pointercancel", (event) => {
    held.get(event.pointerId)?.tool?.up(null);
    held.delete(event.pointerId);
  });
  root.addEventListener("pointerleave", () => view.onhover?.(0, -1));
  root.addEventListener("contextmenu", (event) => event.preventDefault());
  root.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { p, x, y, width, height } = view.within(local(event));
    view.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), x - width / 2, y - height / 2, p);
  }, { passive: false });
}

function dragged(view, one, now, held) {
  const [, , width, height] = view.rectangle(0);
  const [across, down] = [now[0] - one.at[0], now[1] - one.at[1]];
  if (held.size > 1) {
    const other = [...held.values()].find((each) => each !== one);
    const apart = (at) => Math.hypot(at[0] - other.at[0], at[1] - other.at[1]);
    view.camera.pan(across / 2, down / 2, width, height);
    view.zoom(apart(now) / Math.max(apart(one.at), 1), 0, 0, 0);
  } else if (view.camera.solid && !one.pans) {
    view.camera.rotate(across * 0.008, -down * 0.008);
  } else {
    view.camera.pan(across, down, width, height);
  }
  view.ask();
}
