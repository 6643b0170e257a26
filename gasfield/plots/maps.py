"""Maps: a field in the plane, with the particles that move in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from gasfield.plots.groups import colours
from gasfield.plots.style import (
    BESIDE,
    INK,
    Values,
    are_apart,
    drawn_safely,
    dress,
    largest,
    legend,
    new_figure,
    set_limits,
)

if TYPE_CHECKING:
    from gasfield.plots.panel import Panel

_COLUMNS = 3
_LEVELS = 24
_ARROWS = 24
"""Arrows along a side, where streamlines are not drawn."""
_LIKE = 0.97
"""Least mean cosine between neighbouring directions of a field that its grid resolves."""


@drawn_safely
def field_panels(panels: Sequence[Panel], ax: Axes | None = None) -> Axes:
    """Draws a panel for each field, all of one size; into `ax` only the first. Energies well above those that particles
    reach are white; darker streamlines mean a stronger force."""
    if ax is not None:
        _draw(ax, panels[0])
        return ax
    columns = 2 if len(panels) == 4 else min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    width, height = float(np.ptp(panels[0].x)), float(np.ptp(panels[0].y))
    size = 4.2 if columns > 1 else 5.6
    shape = height / width if np.isfinite([width, height]).all() and width > 0 else 1.0
    figure = new_figure(size * columns + 1.0, size * rows * min(max(shape, 0.5), 1.6) + 0.6)
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for axis, shown in zip(axes, panels, strict=False):
        _draw(axis, shown)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    first: Axes = axes[0]
    return first


def _draw(ax: Axes, shown: Panel) -> None:
    draw_field(ax, shown)
    shades = colours(len(shown.names)) if len(shown.names) > 1 else ["#d9480f"]
    for starts in shown.starts:
        ax.plot(starts[:, 0], starts[:, 1], "o", color="#6b7280", markersize=2.2, alpha=0.8, zorder=2)
    for colour, name, ways, ends in zip(shades, shown.names, shown.tracks, shown.ends, strict=True):
        ax.plot(
            ends[:, 0],
            ends[:, 1],
            ".",
            color=colour,
            markersize=6 if len(ends) <= 150 else 3.5,
            alpha=0.7,
            zorder=4,
            label=name,
        )
        for i in range(ways.shape[1]):
            ax.plot(ways[:, i, 0], ways[:, i, 1], color=colour, linewidth=0.7, alpha=0.6, zorder=3)
            ax.plot(*ways[0, i], "o", color="white", markeredgecolor=INK, markersize=4, zorder=5)
    dress(ax, ", ".join(shown.names) if len(shown.names) == 1 else "", "x0 [length]", "x1 [length]")
    ax.grid(False)
    set_limits(ax, x=(shown.x[0], shown.x[-1]))
    set_limits(ax, y=(shown.y[0], shown.y[-1]))
    ax.set_aspect("equal")
    if len(shown.names) > 1:
        legend(ax, frameon=False, **BESIDE, markerscale=3)


def draw_field(ax: Axes, shown: Panel) -> None:
    """Draws the energy as contours, or where there is none the force as streamlines."""
    flat = not (are_apart(shown.x[0], shown.x[-1]) and are_apart(shown.y[0], shown.y[-1]))
    if flat:
        pass  # no plane to draw a field in
    elif shown.energy is not None and are_apart(*_ends(shown.energy)):
        _energy(ax, shown)
    elif np.any(shown.force) and np.isfinite(shown.force).any():
        _streams(ax, shown)


def _energy(ax: Axes, shown: Panel) -> None:
    """Draws filled contours up to slightly above `shown.top`."""
    assert shown.energy is not None
    low, high = _ends(shown.energy)
    top = min(high, low + 1.3 * max(shown.top - low, 1e-3 * (high - low)))
    levels = np.linspace(low, top if are_apart(low, top) else high, _LEVELS)
    look: dict[str, Any] = {"cmap": "GnBu_r", "alpha": 0.55, "zorder": 0}  # faint under particles
    ax.contourf(shown.x, shown.y, np.minimum(shown.energy, top * (1 + 1e-12)), levels=levels, **look)
    ax.contour(shown.x, shown.y, shown.energy, levels=levels[::2], colors="#5c6b7a", linewidths=0.35, zorder=1)


def _is_resolved(directions: Values) -> bool:
    """Whether unit vectors (m, n, 2) of a grid are mostly like their neighbours."""
    along = [np.sum(directions[1:] * directions[:-1], axis=2), np.sum(directions[:, 1:] * directions[:, :-1], axis=2)]
    cosines = np.concatenate([each.ravel() for each in along])
    known = cosines[np.isfinite(cosines)]
    return bool(known.size and known.mean() > _LIKE)


def _ends(values: Values) -> tuple[float, float]:
    """The lowest and the highest of some values that are known."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)


def _streams(ax: Axes, shown: Panel) -> None:
    """Streamlines; arrows where the grid does not resolve the field, whose lines would be without end or meaning."""
    strength = np.linalg.norm(shown.force, axis=2)
    u, v = shown.force[..., 0], shown.force[..., 1]
    if not _is_resolved(shown.force / np.maximum(strength, np.finfo(float).tiny)[..., None]):
        every = slice(None, None, max(1, len(shown.x) // _ARROWS))
        unit = np.maximum(strength, np.finfo(float).tiny)
        arrows = (u / unit)[every, every], (v / unit)[every, every]
        if np.isfinite(arrows[0] + arrows[1]).any():
            ax.quiver(shown.x[every], shown.y[every], *arrows, color="#5c6b7a", width=0.002, zorder=1)
        return
    most = largest(strength, 1.0)
    scale = Normalize(-0.5 * most, most)  # keeps the weakest visible
    look: dict[str, Any] = {"cmap": "GnBu", "norm": scale, "density": 0.8, "linewidth": 0.9, "arrowsize": 0.8}
    ax.streamplot(shown.x, shown.y, u, v, color=strength, zorder=1, **look)
