"""Arrows of a flow at the positions of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import INK, Values, drawn_safely, dress, headline, new_figure

_ARROWS = 300


@drawn_safely
def two_flows(
    places: Values, thermal: Values, remainder: Values, across: Values, title: str, ax: Axes | None = None
) -> Axes:
    """Draws displacements (N, 2) at positions (N, 2) without their mean, and without the best linear map; colour shows
    the component perpendicular to the plane (N,). With `ax` only the second."""
    rows = np.linspace(0, len(places) - 1, min(_ARROWS, len(places))).astype(int) if len(places) else np.empty(0, int)
    if ax is not None:
        _arrows(ax, places[rows], remainder[rows], None)
        dress(ax, "Without the best linear flow", "first axis [length]", "second axis [length]")
        return ax
    figure = new_figure(10.6, 4.7)
    left, right = figure.subplots(1, 2)
    _arrows(left, places[rows], thermal[rows], None)
    dress(left, "Without the mean displacement", "first axis [length]", "second axis [length]")
    colour = across[rows] if np.any(across > 1e-12 * max(float(np.abs(places).max(initial=0.0)), 1e-300)) else None
    drawn = _arrows(right, places[rows], remainder[rows], colour)
    dress(right, "Without the best linear flow", "first axis [length]", "")
    if colour is not None:
        figure.colorbar(drawn, ax=right, shrink=0.8).set_label("perpendicular to the plane [length]", color=INK)
    headline(figure, title)
    axes: Axes = right
    return axes


def _arrows(ax: Axes, places: Values, moved: Values, colour: Values | None) -> Any:
    """Draws arrows; if too long or too short they are scaled so that the longest is a sixth of the width."""
    width = max(float(np.ptp(places)) if places.size else 0.0, 1e-300)
    longest = float(np.linalg.norm(moved, axis=1).max(initial=0.0))
    factor = 1.0
    if longest > 0 and not 0.02 * width < longest < 0.5 * width:
        factor = width / 6 / longest
        ax.text(0.02, 0.02, f"arrows x {factor:.3g}", transform=ax.transAxes, fontsize=8, color=INK)
    style: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "width": 0.0028}
    shown = factor * moved
    ends = (places[:, 0], places[:, 1], shown[:, 0], shown[:, 1])
    drawn = (
        ax.quiver(*ends, color=INK, **style) if colour is None else ax.quiver(*ends, colour, cmap="viridis", **style)
    )
    ax.set_aspect("equal", adjustable="datalim")
    return drawn
