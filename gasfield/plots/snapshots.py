"""The gas itself at a few times, with the field under it: a row of panels for each field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from numpy.typing import NDArray

from gasfield.plots.groups import colours, explain
from gasfield.plots.maps import draw_field
from gasfield.plots.panel import Snapshot, View
from gasfield.plots.strain import strain_colours
from gasfield.plots.style import INK, drawn_safely, headline, new_figure, set_limits

_ON_FIELD = ("#d9480f", "#212529", "#c2255c", "#7048e8", "#f08c00")
"""Colours that are seen on the blue and green of a field."""
_LARGE = 150
"""Particles of a group from which its points are small."""


@drawn_safely
def snapshot_panels(
    rows: Sequence[Sequence[Snapshot]], view: View, labels: Sequence[str], title: str, ax: Axes | None = None
) -> Axes:
    """Draws a row of panels for each field, each row with its own limits; into `ax` the last panel only.

    Args:
        rows: panels, in the order of time.
        view: what the coordinates are.
        labels: of the axes.
        title: of the figure.
        ax: a panel, for the first two coordinates.
    """
    names = list(dict.fromkeys(group.name for row in rows for panel in row for group in panel.groups))
    on_field = any(panel.field is not None for row in rows for panel in row)
    shades = dict(zip(names, _shades(len(names), on_field=on_field), strict=True))
    strains = [group.strain for row in rows for panel in row for group in panel.groups if len(group.strain)]
    scale, map_name = strain_colours(np.concatenate(strains or [np.zeros(1)]))
    if ax is not None:
        _flat(ax, _in_plane(rows[-1][-1]), shades, _limits(rows[-1], view)[:2], scale, map_name)
        return ax
    width = max(len(row) for row in rows)
    figure = new_figure(3.3 * width + (1.4 if len(names) > 1 or strains else 0.3), 3.3 * len(rows) + 0.6)
    solid = {} if view == "plane" else {"projection": "3d"}
    axes = figure.subplots(len(rows), width, squeeze=False, subplot_kw=solid)
    for line, row in zip(axes, rows, strict=True):
        limits = _limits(row, view)
        for panel, shown in zip(line, row, strict=False):
            if view == "plane":
                _flat(panel, shown, shades, limits, scale, map_name)
            else:
                _solid(panel, shown, shades, limits, scale, map_name, ball=view == "sphere")
            panel.set_title(shown.caption, fontsize=9.5, color=INK, loc="left")
        for panel in line[len(row) :]:
            panel.set_visible(False)
        _label(line[0], axes[-1], labels, view)
    last: Axes = axes[-1][len(rows[-1]) - 1]
    _explain(axes, names, shades)
    if strains:
        bar = figure.colorbar(ScalarMappable(scale, map_name), ax=axes.ravel().tolist(), shrink=0.6, pad=0.02)
        bar.set_label("strain of a bond", color=INK)
    headline(figure, title)
    return last


def _shades(count: int, *, on_field: bool) -> list[str]:
    """Colours of groups; on a field, which is blue and green, none of these where five are enough."""
    return list(_ON_FIELD[:count]) if count <= 1 or (on_field and count <= len(_ON_FIELD)) else colours(count)


def _in_plane(shown: Snapshot) -> Snapshot:
    """The same in its first two coordinates."""
    return replace(shown, groups=tuple(replace(group, places=group.places[:, :2]) for group in shown.groups))


def _explain(axes: NDArray[np.object_], names: Sequence[str], shades: dict[str, str]) -> None:
    """A legend of the groups beside the first row, where there are several."""
    if len(names) < 2:
        return
    beside: Axes = axes[0][-1]
    for name in names:
        beside.plot([], [], "o", color=shades[name], markersize=5, label=name)
    explain(beside, names, axes.ravel().tolist(), frameon=False)


def _label(first: Axes, bottom: Sequence[Axes], labels: Sequence[str], view: View) -> None:
    if view == "plane":
        first.set_ylabel(labels[1], fontsize=9, color=INK)
        for panel in bottom:
            panel.set_xlabel(labels[0], fontsize=9, color=INK)


def _limits(row: Sequence[Snapshot], view: View) -> list[tuple[float, float]]:
    """Low and high of each axis: of the field, where there is one, else of the particles, all of one length."""
    if view == "sphere":
        return [(-1.0, 1.0)] * 3
    if (field := row[0].field) is not None:
        return [(float(field.x[0]), float(field.x[-1])), (float(field.y[0]), float(field.y[-1]))]
    places = np.concatenate([group.places for panel in row for group in panel.groups])
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        return [(-1.0, 1.0)] * places.shape[1]
    low, high = np.quantile(places, 0.002, axis=0), np.quantile(places, 0.998, axis=0)
    middle, reach = 0.5 * (low + high), 0.56 * max(float(np.max(high - low)), 1e-12)
    return [(float(centre - reach), float(centre + reach)) for centre in middle]


def _flat(
    ax: Axes,
    shown: Snapshot,
    shades: dict[str, str],
    limits: Sequence[tuple[float, float]],
    scale: Normalize,
    map_name: str,
) -> None:
    if shown.field is not None:
        draw_field(ax, shown.field)
    for group in shown.groups:
        solid = len(group.bonds) > 0
        if solid:
            lines = LineCollection(list(group.places[group.bonds]), array=group.strain, norm=scale, cmap=map_name)
            lines.set(linewidths=1.1, zorder=3)
            ax.add_collection(lines)
        size, alpha = _look(len(group.places), solid=solid)
        x, y = group.places.T
        ax.scatter(x, y, s=size, color=shades[group.name], alpha=alpha, linewidths=0, zorder=4)
    set_limits(ax, *limits)
    ax.set_aspect("equal")
    ax.grid(False)
    ax.tick_params(labelsize=8, colors=INK)


def _solid(
    ax: Axes3D,
    shown: Snapshot,
    shades: dict[str, str],
    limits: Sequence[tuple[float, float]],
    scale: Normalize,
    map_name: str,
    *,
    ball: bool,
) -> None:
    if ball:
        draw_ball(ax)
    for group in shown.groups:
        if len(group.bonds):
            lines = Line3DCollection(
                list(group.places[group.bonds]), norm=scale, cmap=cast(Colormap, map_name), linewidths=1.0
            )
            lines.set_array(group.strain)
            ax.add_collection3d(lines)
        size, alpha = _look(len(group.places), solid=len(group.bonds) > 0)
        colour = shades[group.name]
        ax.scatter(*group.places.T, s=2.2 * size, color=colour, alpha=max(alpha, 0.8), linewidths=0, depthshade=True)
    set_limits(ax, *limits)
    ax.set_box_aspect((1, 1, 1), zoom=1.35 if ball else 1.05)
    if ball:
        ax.set_axis_off()
    ax.grid(False)
    ax.tick_params(labelsize=6, pad=0)


def draw_ball(ax: Axes3D, radius: float = 1.0) -> None:
    """A sphere as a faint net."""
    around, down = np.meshgrid(np.linspace(0.0, 2.0 * np.pi, 25), np.linspace(0.0, np.pi, 13))
    x, y, z = np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), np.cos(down)
    ax.plot_wireframe(
        radius * x, radius * y, radius * z, color="#c9ccd6", linewidth=0.4, rstride=1, cstride=1, zorder=0
    )


def _look(count: int, *, solid: bool) -> tuple[float, float]:
    """Size and opacity of the points of a group."""
    if solid:
        return (4.0 if count > _LARGE else 9.0), 0.95
    return (3.5, 0.5) if count > _LARGE else (14.0, 0.9)
