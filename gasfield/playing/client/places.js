// From the picture to the space: where a click is, and which way an arrow points.

/** Places in the space of what a view shows. */
export class Places {
  constructor(view, hello) {
    this.view = view;
    this.space = hello.space;
    this.cube = view.cube;
  }

  /** The place (D) under a point of the view [pixels]; null where there is none. */
  at(point) {
    const { view } = this;
    const { x, y, width, height } = view.within(point);
    if (this.space.picture === "sphere") return this.onSphere(x, y, width, height);
    return this.inSpace(this.shown(view.camera.under(x, y, this.heightAt(point), width, height)));
  }

  /**
   * The place of an event under a point of the view; null where there is none. In a projection it is as far from the
   * centroid of a group as it looks, and like the centroid in all directions that are not seen.
   */
  placeAt(point, source) {
    const at = this.at(point);
    if (!at || !this.space.projection) return at && { kind: "point", at };
    const row = this.view.pickAt(point)[1];
    const group = row < 0 ? largestOf(source.group) : source.group[row];
    const { x, y, width, height } = this.view.within(point);
    const shown = this.shown(this.view.camera.under(x, y, this.heightAt(point), width, height));
    const centroid = source.centroid(group);
    const apart = shown.map((value, k) => value - centroid[k]);
    return { kind: "centroid", of: source.panel.groups[group], offset: this.space.projection.origin.map((_, i) => dot(apart, this.space.projection.axes, i)) };
  }

  /** The vector (D) from one point of the view to another; null where there is none. */
  vector(from, to) {
    const [a, b] = [this.at(from), this.at(to)];
    return a && b ? b.map((value, i) => value - a[i]) : null;
  }

  /** Point of the view [pixels] of a place (K) of the picture. */
  pixel(place) {
    const [left, top, width, height] = this.view.rectangle(0);
    const { low, side } = this.cube;
    const [x, y] = this.view.camera.place(...[0, 1, 2].map((k) => (k < place.length ? (place[k] - low[k]) / side : 0)), width, height);
    return [left + x, top + y];
  }

  /** Height towards the eye of the particle at a point of the view, so that clicks are as deep as what is seen there. */
  heightAt(point) {
    const { view } = this;
    if (!view.camera.solid) return 0;
    const [p, row] = view.pickAt(point);
    const place = row < 0 ? null : view.panels[p].at(row);
    if (!place) return 0;
    return place.reduce((sum, value, i) => sum + view.camera.turn[6 + i] * (value - view.camera.centre[i]), 0);
  }

  /** Coordinates (K) of a point of the unit cube in the picture. */
  shown(point) {
    return this.space.low.map((_, k) => this.cube.low[k] + this.cube.side * point[k]);
  }

  onSphere(x, y, width, height) {
    const { camera } = this.view;
    const start = this.shown(camera.under(x, y, 0, width, height));
    const toEye = camera.turn.slice(6);
    const radius = this.space.radius ?? 1;
    const along = start.reduce((sum, value, i) => sum + value * toEye[i], 0);
    const beyond = start.reduce((sum, value) => sum + value * value, 0) - radius * radius;
    const root = along * along - beyond;
    if (root < 0) return null;
    const place = start.map((value, i) => value + (Math.sqrt(root) - along) * toEye[i]);
    const size = Math.hypot(...place);
    return place.map((value) => (value * radius) / size);
  }

  inSpace(shown) {
    const { projection, dimension } = this.space;
    if (!projection) return shown.length >= dimension ? shown.slice(0, dimension) : null;
    return projection.origin.map((value, i) => value + dot(shown, projection.axes, i));
  }
}

/** Coordinate i of a combination of axes. */
function dot(shown, axes, i) {
  return shown.reduce((sum, each, k) => sum + each * axes[k][i], 0);
}

/** The group with most particles. */
function largestOf(group) {
  const counts = new Uint32Array(256);
  for (const each of group) counts[each]++;
  return counts.indexOf(Math.max(...counts));
}
