"""Mean square displacements over lags, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import INITIAL, SERIES, Values, axes_or_new, drawn_safely, finished, set_limits


@drawn_safely
def square_displacements_over_lags(
    lags: Values, curves: Mapping[str, Values], title: str, ax: Axes | None = None
) -> Axes:
    """Draws curves (T,) over lags (T,) > 0, with guide lines of slope 1 and 2 from the first lag."""
    ax = axes_or_new(ax)
    top = bottom = None
    for (name, values), colour in zip(curves.items(), SERIES, strict=False):
        known = np.isfinite(values) & (values > 0) & (lags > 0)
        if not known.any():
            continue
        ax.plot(lags[known], values[known], color=colour, linewidth=2.0, label=name)
        start = values[known][0]
        for slope, dash in ((1, "dotted"), (2, "dashed")):
            guide = start * (lags[known] / lags[known][0]) ** slope
            ax.plot(lags[known], guide, color=INITIAL, linewidth=0.9, linestyle=dash, zorder=1)
        low, high = float(values[known].min()), float(values[known].max())
        bottom, top = min(low, bottom or low), max(high, top or high)
    if top is not None and bottom is not None:
        ax.set_xscale("log")
        ax.set_yscale("log")
        set_limits(ax, y=(0.5 * bottom, 3.0 * top))
    return finished(ax, title, "lag [time] (dotted: slope 1, dashed: slope 2)", "mean square displacement [length²]")
