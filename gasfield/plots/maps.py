"""Maps: a field in the plane, with the particles that move in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from gasfield.plots.style import BESIDE, INK, dress, new_figure
from gasfield.plots.time_series import colours

if TYPE_CHECKING:
    from gasfield.plots.panel import Panel

_COLUMNS = 3
_LEVELS = 24


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
    figure = new_figure(size * columns + 1.0, size * rows * min(max(height / width, 0.5), 1.6) + 0.6)
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        _draw(axis, panel)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    first: Axes = axes[0]
    return first


def _draw(ax: Axes, panel: Panel) -> None:
    if panel.energy is not None and np.ptp(panel.energy) > 0:
        _energy(ax, panel)
    elif np.any(panel.force):
        _streams(ax, panel)
    shades = colours(len(panel.names)) if len(panel.names) > 1 else ["#d9480f"]
    for starts in panel.starts:
        ax.plot(starts[:, 0], starts[:, 1], "o", color="#6b7280", markersize=2.2, alpha=0.8, zorder=2)
    for colour, name, ways, ends in zip(shades, panel.names, panel.tracks, panel.ends, strict=True):
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
    dress(ax, ", ".join(panel.names) if len(panel.names) == 1 else "", "x0 [length]", "x1 [length]")
    ax.grid(False)
    ax.set_xlim(panel.x[0], panel.x[-1])
    ax.set_ylim(panel.y[0], panel.y[-1])
    ax.set_aspect("equal")
    if len(panel.names) > 1:
        ax.legend(fontsize=9, frameon=False, **BESIDE, markerscale=3)


def _energy(ax: Axes, panel: Panel) -> None:
    """Draws filled contours up to slightly above `panel.top`."""
    assert panel.energy is not None
    low = float(panel.energy.min())
    top = min(float(panel.energy.max()), low + 1.3 * max(panel.top - low, 1e-3 * float(np.ptp(panel.energy))))
    levels = np.linspace(low, top, _LEVELS)
    ax.contourf(panel.x, panel.y, np.minimum(panel.energy, top * (1 + 1e-12)), levels=levels, cmap="GnBu_r", zorder=0)
    ax.contour(panel.x, panel.y, panel.energy, levels=levels[::2], colors="#5c6b7a", linewidths=0.35, zorder=1)


def _streams(ax: Axes, panel: Panel) -> None:
    strength = np.linalg.norm(panel.force, axis=2)
    u, v = panel.force[..., 0], panel.force[..., 1]
    scale = Normalize(-0.5 * strength.max(), strength.max())  # keeps the weakest visible
    look: dict[str, Any] = {"cmap": "GnBu", "norm": scale, "density": 0.8, "linewidth": 0.9, "arrowsize": 0.8}
    ax.streamplot(panel.x, panel.y, u, v, color=strength, zorder=1, **look)
