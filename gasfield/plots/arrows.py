"""Arrows in a plane: emission, receptivity and the force of each token on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import INITIAL, Values, drawn_safely, dress, legend, new_figure, set_limits

EMISSION, RECEPTIVITY, FORCE = "#0072b2", "#c92a2a", "#2b8a3e"
_STRAIGHT: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1.0}
_LABELLED = 12
"""Number of tokens up to which arrows are numbered."""


@drawn_safely
def force_arrows(emissions: Values, receptivities: Values, table: Values, title: str, ax: Axes | None = None) -> Axes:
    """Draws tokens as pairs of arrows from the origin, emission blue and wide, receptivity red and thin; to the right
    the table of forces, green: the arrow in row i and column j is the force of i on j, all on one scale.

    In more than two dimensions arrows are projected onto the plane with the largest sum of squared projections.

    Args:
        emissions: (N, D).
        receptivities: (N, D).
        table: (N, N, D), force of i on j.
        title: of the panel.
        ax: axes for the arrows alone; default: a new figure that also shows the table.
    """
    side: Axes | None = None
    if ax is None:
        ax, side = new_figure(9.0, 4.6).subplots(1, 2)
    plane = _plane(np.nan_to_num(np.concatenate([emissions, receptivities])))
    _draw_poles(ax, emissions @ plane, receptivities @ plane)
    dress(ax, title, "first axis [length]", "second axis [length]")
    if side is not None:
        _draw_table(side, table @ plane)
    return ax


def _draw_poles(ax: Axes, emissions: Values, receptivities: Values) -> None:
    """Draws both arrows of each token; a dot for one of zero length."""
    few, nothing = len(emissions) <= _LABELLED, np.zeros(len(emissions))
    for poles, colour, name, width, offset in (
        (emissions, EMISSION, "emission", 0.022, (6, 6)),
        (receptivities, RECEPTIVITY, "receptivity", 0.007, (6, -12)),
    ):
        ax.quiver(
            nothing, nothing, *poles.T, color=colour, width=width, alpha=0.5 if width > 0.01 else 1.0, label=name,
            headwidth=3 if width > 0.01 else 5, **_STRAIGHT,
        )  # fmt: skip
        ax.plot(*poles.T, ".", color=colour, markersize=3)
        for number, place in enumerate(poles[: len(poles) if few else 0]):
            text = f"{name[0]}{number + 1}"
            ax.annotate(text, place, offset, textcoords="offset points", fontsize=9.5, color=colour)
    ax.axhline(0.0, color=INITIAL, linewidth=0.7, zorder=0)
    ax.axvline(0.0, color=INITIAL, linewidth=0.7, zorder=0)
    _view_square(ax, np.concatenate([emissions, receptivities, np.zeros((1, 2))]))
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)


def _view_square(ax: Axes, places: Values) -> None:
    """Sets square limits that contain all points (M, 2), with space for their labels."""
    low, high = places.min(axis=0), places.max(axis=0)
    half = 0.62 * max(float(np.max(high - low)), 1e-12)
    x, y = 0.5 * (low + high)
    set_limits(ax, x=(x - half, x + half), y=(y - half, y + half))
    ax.set_box_aspect(1)


def _draw_table(ax: Axes, forces: Values) -> None:
    """Draws an arrow centred in each cell; the longest is 0.6 of a cell long."""
    count = len(forces)
    lengths = np.linalg.norm(forces, axis=2)
    arrows = 0.6 * forces / max(float(lengths.max(initial=0.0)), np.finfo(float).tiny)
    i, j = np.indices((count, count))
    ax.quiver(j, i - 0.08, arrows[..., 0], -arrows[..., 1], color=FORCE, pivot="mid", width=0.009, **_STRAIGHT)
    if count <= _LABELLED // 2:
        for row, column in np.ndindex(count, count):
            text = f"{lengths[row, column]:.3g}"
            ax.annotate(text, (column, row + 0.46), ha="center", va="bottom", fontsize=8, color=FORCE)
    dress(ax, "force of i on j", "target token j", "source token i")
    ax.grid(False)
    ax.set_xlim(-0.5, count - 0.5)
    ax.set_ylim(count - 0.5, -0.5)
    ax.set_aspect("equal")
    if count <= _LABELLED:
        ax.set_xticks(range(count), [str(k + 1) for k in range(count)])
        ax.set_yticks(range(count), [str(k + 1) for k in range(count)])
        for edge in np.arange(0.5, count - 1):
            ax.axhline(edge, color="#e6e6ec", linewidth=0.8, zorder=0)
            ax.axvline(edge, color="#e6e6ec", linewidth=0.8, zorder=0)


def _plane(poles: Values) -> Values:
    """(D, 2) the first two coordinates if D <= 2, else the two principal axes through the origin."""
    dimensions = poles.shape[1]
    if dimensions <= 2:
        return np.eye(dimensions, 2)
    _, _, axes = np.linalg.svd(poles, full_matrices=False)
    plane = np.zeros((dimensions, 2))
    plane[:, : min(2, len(axes))] = axes[:2].T
    return plane
