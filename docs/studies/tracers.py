"""Draws every shape of tracer: docs/figures/tracers.png."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from pydantic import TypeAdapter

from gasfield.plots.style import CONTEXT, INK, new_figure
from gasfield.tracers import AnyShape, structure_of

SHAPES = [
    {"kind": "line", "count": 7, "spacing": 1.0},
    {"kind": "ring", "count": 16, "radius": 1.0},
    {"kind": "helix", "count": 60, "radius": 1.0, "pitch": 0.6, "turns": 4},
    {"kind": "sheet", "side": 6, "spacing": 1.0},
    {"kind": "hexagonal", "rings": 3, "spacing": 1.0},
    {"kind": "cubic", "side": 4, "spacing": 1.0},
    {"kind": "bcc", "side": 2, "spacing": 1.0},
    {"kind": "fcc", "side": 2, "spacing": 1.0},
    {"kind": "shell", "count": 300, "radius": 1.0},
    {"kind": "simplex", "dimensions": 5, "spacing": 1.0},
    {"kind": "cross_polytope", "dimensions": 5, "spacing": 1.0},
    {"kind": "hypercube", "dimensions": 5, "spacing": 1.0},
    {"kind": "d4", "spacing": 1.0},
    {"kind": "e8", "spacing": 1.0},
]


def main() -> None:
    """A panel for each; what has more than three dimensions is seen in three that lie askew to all of them."""
    figure = new_figure(12.5, 4.4)
    for number, given in enumerate(SHAPES, start=1):
        made = structure_of(TypeAdapter(AnyShape).validate_python(given), Path)
        points, k = made.points, made.points.shape[1]
        askew = np.linalg.qr(np.random.default_rng(k).normal(size=(k, 3)))[0] if k > 3 else np.eye(k, 3)
        points = points @ askew
        ax = figure.add_subplot(2, 7, number, projection="3d")
        thin = 0.25 if len(made.bonds) > 1000 else 0.9
        ax.add_collection3d(Line3DCollection(list(points[made.bonds]), colors=CONTEXT, linewidths=thin, alpha=0.7))
        ax.scatter(*points.T, s=5, color=INK, depthshade=True, linewidths=0)
        reach = 0.8 * float(np.linalg.norm(points, axis=1).max())
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
        ax.set_box_aspect((1, 1, 1), zoom=1.05)
        ax.set_axis_off()
        name = given["kind"] if k <= 3 else f"{given['kind']} (k = {k})"
        ax.set_title(f"{name}: {len(points)}", fontsize=9, color=INK)
    figure.savefig(Path(__file__).parent.parent / "figures" / "tracers.png")


if __name__ == "__main__":
    main()
