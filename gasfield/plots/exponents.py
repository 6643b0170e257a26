"""Finite-time Lyapunov exponents at the first positions of tracers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import INK, Values, dress

_FEWEST = 2.0
"""Smallest side of a mark [points]."""


def local_exponents(ax: Axes, places: Values, exponents: Values) -> None:
    """Colours the first positions (M, 2) by their exponents (M,); without one a position is a small dot."""
    known = np.isfinite(exponents)
    dress(ax, "Local FTLE at the first positions", "first axis [length]", "second axis [length]")
    if not known.all():
        ax.scatter(places[~known, 0], places[~known, 1], s=3, color=INK, linewidths=0)
    if known.any():
        low, high = np.quantile(exponents[known], [0.02, 0.98])
        drawn = ax.scatter(
            places[known, 0], places[known, 1], c=exponents[known], s=_side(ax, places) ** 2, marker="s", linewidths=0,
            cmap="viridis", vmin=low, vmax=max(high, low + 1e-12),
        )  # fmt: skip
        bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.85, extend="both")
        bar.set_label("FTLE [1/time]", color=INK)
    ax.set_aspect("equal")
    ax.locator_params(nbins=6)
    ax.grid(visible=False)


def _side(ax: Axes, places: Values) -> float:
    """The side of a square mark that covers its share of the area of the positions [points]."""
    extent = np.ptp(places, axis=0)
    spacing = np.sqrt(max(float(np.prod(extent)), 1e-300) / max(len(places), 1))
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    scale = 72.0 * min(box.width / max(float(extent[0]), 1e-300), box.height / max(float(extent[1]), 1e-300))
    return float(np.clip(1.1 * spacing * scale, _FEWEST, 20.0))
