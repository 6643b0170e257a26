// Elements of a page. Text is set as text, never as markup.

/** An element with properties (`class`, `on…` listeners, attributes) and children (elements or text). */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") made[name] = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A number with few digits. */
export function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
}

/** A token as it is shown: empty ones by their row. */
export function tokenOf(rows, row) {
  return rows.tokens[row] || `row ${rows.rows[row]}`;
}

/** Makes a canvas as large as it is shown, in device pixels. */
export function fitTo(canvas, width, height, ratio) {
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
}

/** A pen for a cleared canvas of a size in pixels. */
export function penOf(canvas, width, height, ratio) {
  fitTo(canvas, width, height, ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
