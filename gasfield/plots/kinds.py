"""Kinds of motion as stacked bands over time: positive shares upwards, negative shares downwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gasfield.plots.style import (
    BESIDE,
    INITIAL,
    INK,
    Values,
    drawn_safely,
    dress,
    finished,
    headline,
    new_figure,
    set_limits,
)

COLOURS = ("#22223b", "#0072b2", "#cc79a7", "#e69f00", "#009e73", "#56b4e9", "#d5d8de")
"""Of translation, rotation, dilation, shear, breathing, convection and residual."""


@drawn_safely
def kinds_over_time(
    steps: NDArray[np.int64],
    total: Values,
    thermal: Values,
    labels: Sequence[str],
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Draws shares of all motion (7, S) as lines on a logarithmic scale, and of the thermal motion (6, S) as bands.

    Translation dominates most motions, so the left panel is logarithmic and the right one excludes the motion of the
    centroid. With `ax` only the thermal motion is drawn.
    """
    if ax is not None:
        _bands(ax, steps, thermal, labels[1:], COLOURS[1:])
        return finished(ax, title, "step", "share of the thermal motion", **BESIDE)
    figure = new_figure(10.5, 4.2)
    left, right = figure.subplots(1, 2)
    _lines(left, steps, total, labels)
    dress(left, "All motion", "step", "share of the square displacement")
    _bands(right, steps, thermal, labels[1:], COLOURS[1:])
    dress(right, "Thermal motion (relative to the centroid)", "step", "share of the square displacement")
    bands, names = right.get_legend_handles_labels()
    bands, names = [*bands[::-1], left.lines[1]], [*names[::-1], labels[0]]
    right.legend(bands, names, fontsize=9, frameon=False, **BESIDE)
    headline(figure, title)
    axes: Axes = right
    return axes


def _lines(ax: Axes, steps: NDArray[np.int64], shares: Values, labels: Sequence[str]) -> None:
    """Draws absolute shares on a logarithmic scale; negative ones are dotted."""
    for share, label, colour in zip(shares, labels, COLOURS, strict=True):
        colour = INITIAL if label == "residual" else colour
        ax.plot(steps, np.abs(share), color=colour, linewidth=1.0, linestyle="dotted")
        ax.plot(steps, np.where(share > 0, share, np.nan), color=colour, linewidth=1.8, label=label, **_mark(steps))
    if np.any(np.abs(shares) > 0):
        ax.set_yscale("log")
        ax.set_ylim(1e-5, 1.6)
    _ends(ax, steps)


def _bands(ax: Axes, steps: NDArray[np.int64], shares: Values, labels: Sequence[str], colours: Sequence[str]) -> None:
    known = np.isfinite(shares).all(axis=0)
    shown, at = shares[:, known], steps[known]
    if len(at) == 1:  # a band of zero width is invisible
        shown, at = np.repeat(shown, 2, axis=1), np.array([at[0] - 0.5, at[0] + 0.5])
    ax.stackplot(at, np.maximum(shown, 0.0), labels=labels, colors=colours, linewidth=0)
    ax.stackplot(at, np.minimum(shown, 0.0), colors=colours, linewidth=0)
    ax.axhline(0.0, color=INK, linewidth=0.8)
    _ends(ax, steps)


def _ends(ax: Axes, steps: NDArray[np.int64]) -> None:
    if len(steps) > 1:
        set_limits(ax, x=(steps[0], steps[-1]))


def _mark(steps: NDArray[np.int64]) -> dict[str, Any]:
    """Markers, if there are few points."""
    return {"marker": "o", "markersize": 3.5} if len(steps) <= 16 else {}
