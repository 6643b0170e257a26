"""Structures with bonds coloured by strain: blue where shortened, red where stretched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize, TwoSlopeNorm
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from numpy.typing import NDArray

from gasfield.plots.style import INK, Values, drawn_safely, headline, largest, new_figure, set_limits


def strain_colours(strain: Values) -> tuple[Normalize, str]:
    """A normalisation for strains of any shape with 0 in the middle, and the name of the colour map. Its low end is -1,
    that of a bond without length, where bonds are stretched to more than twice their lengths."""
    known = np.abs(strain)[np.isfinite(strain)]
    reach = float(np.quantile(known, 0.98)) if np.size(known) else 0.0
    reach = max(reach, 1e-12)
    return (Normalize(-reach, reach) if reach <= 1.0 else TwoSlopeNorm(0.0, -1.0, reach)), "coolwarm"


@drawn_safely
def strained(
    places: Values, bonds: NDArray[np.int64], strain: Values, titles: Sequence[str], title: str, ax: Axes | None = None
) -> Axes:
    """Draws panels of one structure (F, M, d), d = 2 or 3, with strains (F, B) of bonds (B, 2); `ax`: the last only."""
    scale, colours = strain_colours(strain)
    reach = 1.1 * largest(np.abs(places), 1.0)
    solid = places.shape[2] == 3
    if ax is not None:
        _flat(ax, places[-1][:, :2], bonds, strain[-1], scale, colours, reach)
        ax.set_title(titles[-1], fontsize=10.5, fontweight="bold", color=INK)
        return ax
    figure = new_figure(3.1 * len(places) + 0.9, 3.7)
    panels = figure.subplots(1, len(places), squeeze=False, subplot_kw={"projection": "3d"} if solid else {})[0]
    for panel, points, own, name in zip(panels, places, strain, titles, strict=True):
        (_solid if solid else _flat)(panel, points, bonds, own, scale, colours, reach)
        panel.set_title(name, fontsize=10.5, fontweight="bold", color=INK)
    bar = figure.colorbar(ScalarMappable(scale, colours), ax=list(panels), shrink=0.75, pad=0.02, extend="both")
    bar.set_label("strain of a bond", color=INK)
    headline(figure, title)
    return cast(Axes, panels[-1])


def _flat(
    ax: Axes, points: Values, bonds: NDArray[np.int64], strain: Values, scale: Normalize, colours: str, reach: float
) -> None:
    ax.add_collection(LineCollection(list(points[bonds]), array=strain, norm=scale, cmap=colours, linewidths=1.6))
    ax.scatter(points[:, 0], points[:, 1], s=7, color=INK, linewidths=0, zorder=3)
    set_limits(ax, x=(-reach, reach), y=(-reach, reach))
    ax.set_aspect("equal")
    ax.tick_params(labelsize=8)


def _solid(
    ax: Axes3D, points: Values, bonds: NDArray[np.int64], strain: Values, scale: Normalize, colours: str, reach: float
) -> None:
    lines = Line3DCollection(list(points[bonds]), norm=scale, cmap=cast(Colormap, colours), linewidths=1.5)
    lines.set_array(strain)
    ax.add_collection3d(lines)
    ax.scatter(*points.T, s=6, color=INK, depthshade=True, linewidths=0)
    set_limits(ax, (-reach, reach), (-reach, reach), (-reach, reach))
    ax.set_box_aspect((1, 1, 1), zoom=1.05)
    ax.tick_params(labelsize=6, pad=0)
