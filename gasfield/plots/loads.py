"""A panel of the loads of experts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import CONTEXT, SERIES, Values, axes_or_new, drawn_safely, finished


@drawn_safely
def loads(found: Mapping[str, Values], ax: Axes | None = None) -> Axes:
    """Draws loads (M,) in the order given, as lines over the rank of the expert, by name; 1/M as a dotted line."""
    ax = axes_or_new(ax)
    for number, (name, values) in enumerate(found.items()):
        colour = SERIES[number % len(SERIES)]
        ax.step(np.arange(1, len(values) + 1), values, where="mid", color=colour, linewidth=1.8, label=name)
        ax.axhline(1.0 / max(len(values), 1), color=CONTEXT, linewidth=1.0, linestyle="dotted")
    ax.set_ylim(bottom=0.0)
    return finished(ax, "Loads of the experts", "rank of the expert", "share of all weight")
