"""Changes of conserved quantities over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import SERIES, Values, axes_or_new, drawn_safely, finished

_FLOOR = 1e-17
"""Below the resolution of double precision: what has not changed is drawn here."""


@drawn_safely
def drifts_over_time(times: Values, found: Mapping[str, Values], title: str, ax: Axes | None = None) -> Axes:
    """Draws |q(t) - q(0)| / max |q| of quantities (T, n) by name, on a logarithmic axis, without undefined ones."""
    ax = axes_or_new(ax)
    for (name, values), colour in zip(found.items(), SERIES, strict=False):
        if not values.size or not np.isfinite(values).all():
            continue
        scale = float(np.linalg.norm(values, axis=1).max())
        away = np.linalg.norm(values - values[0], axis=1) / (scale if scale > 0 else 1.0)
        ax.plot(times, np.maximum(away, _FLOOR), color=colour, label=name, marker="o" if len(times) < 3 else "")
    ax.set_yscale("log")
    return finished(ax, title, "time", "change / largest magnitude")
