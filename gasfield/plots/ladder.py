"""A panel of a ladder of temperatures: what neighbours share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import CONTEXT, INK, SERIES, Values, axes_or_new, drawn_safely, finished

_LABELS = {"acceptance": "exchanges accepted", "overlap": "overlap (MBAR)"}


@drawn_safely
def ladder(temperatures: Values, between: Mapping[str, Values], poor: float, ax: Axes | None = None) -> Axes:
    """Draws numbers (K - 1,) between neighbouring temperatures (K,), which are marked below; `poor` is a limit."""
    ax = axes_or_new(ax)
    for number, (name, values) in enumerate(between.items()):
        for pair, value in enumerate(values.tolist()):
            label = _LABELS[name] if pair == 0 else None
            ax.plot(temperatures[pair : pair + 2], [value, value], color=SERIES[number], linewidth=3.0, label=label)
    ax.plot(
        temperatures, np.zeros(len(temperatures)), "|", color=INK, markersize=14, clip_on=False, label="temperatures"
    )
    ax.axhline(poor, color=CONTEXT, linewidth=1.0, linestyle="dotted")
    ax.set_xscale("log")
    ax.set_ylim(0.0, 1.0)
    return finished(ax, "Exchanges between neighbouring temperatures", "temperature [energy]", "share")
