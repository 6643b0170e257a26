"""Pictures of the work of the parts of a gradient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import BESIDE, INITIAL, Values, axes_or_new, drawn_safely, finished, set_limits

_DASHES = {"push": "solid", "pull": "dashed", "input side": "dotted"}
_VIEW = (-1.0, 2.0)
"""Shares that are shown: those of early steps may be far beyond."""


@drawn_safely
def shares_so_far(steps: Values, work: Mapping[str, Values], title: str, ax: Axes | None = None) -> Axes:
    """Draws the share of each part of the work so far (T, 4), for classes of tokens by number of occurrences."""
    from matplotlib import colormaps

    ax = axes_or_new(ax, 7.6, 4.6)
    ax.axhline(0.0, color=INITIAL, linewidth=0.8, zorder=1)
    for colour, (name, parts) in zip(
        colormaps["viridis"](np.linspace(0.0, 0.92, len(work))), work.items(), strict=True
    ):
        whole = parts.sum(axis=1)
        for column, (part, dash) in enumerate(_DASHES.items()):
            share = np.divide(parts[:, column], whole, out=np.full(len(whole), np.nan), where=whole != 0)
            label = name if part == "push" else None
            ax.plot(steps, share, color=colour, linestyle=dash, linewidth=1.6, label=label)
    for part, dash in _DASHES.items():
        ax.plot([], [], color=INITIAL, linestyle=dash, label=part)
    set_limits(ax, y=_VIEW)
    return finished(ax, title, "step", "share of the work so far", **BESIDE)
