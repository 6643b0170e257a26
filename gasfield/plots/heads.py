"""Attention heads in a plane of two measured properties, by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gasfield.plots.style import BESIDE, INITIAL, Values, axes_or_new, drawn_safely, finished

_COLOURS = {
    "well": "#0072b2",
    "hill": "#cc79a7",
    "electric_field": "#e69f00",
    "constraint": "#009e73",
    "none": "#b8bcc6",
}


@drawn_safely
def heads_in_plane(
    found: Mapping[str, Values],
    null: Mapping[str, Values],
    flags: Mapping[str, NDArray[np.bool_]],
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Divergence over R^2 by distance, a mark for each head in the colours of its classes; shuffled heads as dots.

    Args:
        found: `distance` and `divergence`, each (L, H).
        null: the same of shuffled heads.
        flags: class -> (L, H); a head of several classes has several rings.
        title: name of the text.
        ax: to draw into.
    """
    ax = axes_or_new(ax, 7.6, 4.8)
    if not found:
        return finished(ax, f"{title}: heads as force fields", "", "")
    shown: dict[str, Any] = {"s": 5, "color": INITIAL, "linewidths": 0, "zorder": 1}
    ax.scatter(null["distance"], null["divergence"], label="shuffled heads", **shown)
    for place, name in enumerate(list(flags)[::-1]):
        at = flags[name]
        ax.scatter(
            found["distance"][at],
            found["divergence"][at],
            s=26 + 34 * max(place - 1, 0),
            facecolors="none" if place else _COLOURS[name],
            edgecolors=_COLOURS[name],
            linewidths=1.4,
            label=f"{name.replace('_', ' ')} ({at.sum()})",
            zorder=2 + place,
        )
    ax.axhline(0.0, color=INITIAL, linewidth=0.8, zorder=0)
    labels = "attention explained by distance alone (R²)", "divergence of the force, tr J / |J|"
    return finished(ax, f"{title}: heads as force fields", *labels, **BESIDE)
