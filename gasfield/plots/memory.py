"""A bifurcation diagram: final states against a parameter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from gasfield.plots.style import CONTEXT, INITIAL, INK, Values, axes_or_new, drawn_safely, finished


@drawn_safely
def bifurcation(
    sharpness: Values,
    overlaps: Sequence[Values],
    theory: tuple[Values, Values] | None,
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Draws the overlaps (N,) of all particles at the sharpness of their group (G,), and the theoretical curve."""
    ax = axes_or_new(ax)
    for number, (place, values) in enumerate(zip(sharpness, overlaps, strict=True)):
        label = f"{len(values)} states each" if number == 0 else None
        ax.plot(np.full(len(values), place), values, "o", color=CONTEXT, alpha=0.25, markersize=5, label=label)
    if theory is not None:
        ax.plot(*theory, color=INK, linewidth=1.6, label="m = tanh(β a² m)", zorder=1)
        ax.plot(theory[0], -theory[1], color=INK, linewidth=1.6, zorder=1)
        ax.axvline(1.0, color=INITIAL, linewidth=0.9, linestyle="dotted", zorder=0)
    return finished(ax, title, "sharpness β a²", "overlap with a pattern", loc="center right")
