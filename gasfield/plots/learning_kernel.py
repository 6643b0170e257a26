"""Pictures of learned interactions: kernels with their errors, and forces beside those that were learned from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gasfield.plots.style import (
    CONTEXT,
    INITIAL,
    INK,
    SERIES,
    SIMULATED,
    Values,
    axes_or_new,
    drawn_safely,
    finished,
    new_figure,
)


@drawn_safely
def kernel_figure(argument: Values, phi: Values, error: Values, samples: Values, name: str, unit: str) -> Figure:
    """Draws phi (G,) over its argument (G,) with a band of two standard errors, above the number of sampled pairs."""
    figure = new_figure(6.4, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    known = np.isfinite(error)
    upper.fill_between(
        argument[known],
        (phi - 2.0 * error)[known],
        (phi + 2.0 * error)[known],
        color=CONTEXT,
        alpha=0.25,
        linewidth=0,
        label="two standard errors",
    )
    upper.plot(argument, phi, color=INK, linewidth=1.8, label="phi")
    upper.axhline(0.0, color=INITIAL, linewidth=0.8)
    finished(upper, "Interaction kernel: phi multiplies x_j - x_i", "", f"phi [{unit}]")
    width = float(np.median(np.diff(argument)))
    lower.bar(argument, samples / max(float(samples.sum()), 1.0) / width, width=width, color=CONTEXT)
    finished(lower, "", name, "sampled density")
    return figure


@drawn_safely
def singular_values(curves: Mapping[str, Values], title: str, ax: Axes | None = None) -> Axes:
    """Draws singular values (r,) of some matrices, by name, in descending order."""
    ax = axes_or_new(ax)
    for (name, values), colour in zip(curves.items(), SERIES, strict=False):
        ax.plot(np.arange(1, len(values) + 1), values, "o-", color=colour, linewidth=1.0, label=name)
    ax.set_ylim(bottom=0.0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return finished(ax, title, "number", "singular value")


@drawn_safely
def force_scatter(given: Values, learned: Values, title: str, unit: str, ax: Axes | None = None) -> Axes:
    """Draws learned over given components of forces (M,), with the diagonal."""
    ax = axes_or_new(ax, 5.2, 4.8)
    ends = np.array([min(given.min(), learned.min()), max(given.max(), learned.max())])
    ax.plot(ends, ends, color=INITIAL, linewidth=1.0, label="equal")
    ax.plot(given, learned, ".", color=SIMULATED, markersize=4, alpha=0.6, label="components of forces")
    return finished(ax, title, f"given [{unit}]", f"learned [{unit}]")
