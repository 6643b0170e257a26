"""Panels of distributions: a histogram with its theory, a density in a plane, running means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from gasfield.plots.style import (
    BELOW,
    INK,
    SERIES,
    Role,
    Values,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    largest,
    legend,
    new_figure,
    set_limits,
)

_WIDEST = 12.0
"""Difference in standard errors beyond which a point is drawn as a triangle at the border."""
_SHADES = ("#e8eef5", "#cfdfee", "#a9c8e2", "#7fabd3", "#4f87ba", "#1f5f99")


@dataclass(frozen=True)
class Histogram:
    """Shares (k,) of a sample in bins between edges (k + 1,), with standard errors (k,)."""

    edges: Values
    shares: Values
    errors: Values
    label: str


@dataclass(frozen=True)
class LawCurve:
    """A theoretical density (p,) at points (p,), and its shares (k,) in the bins of a histogram."""

    places: Values
    density: Values
    shares: Values
    label: str


@drawn_safely
def against_law(
    sample: Histogram, law: LawCurve | None, title: str, x_label: str, ax: Axes | None = None, below: Axes | None = None
) -> Axes:
    """Draws a histogram as points with errors, over the curve of a theoretical density.

    A panel below, in a new figure or in the given axes, shows the differences in standard errors. Returns the upper
    axes.
    """
    if ax is None:
        ax, below = _with_strip(new_figure(6.4, 4.8)) if law is not None else (new_figure().add_subplot(), None)
    widths, middles = np.diff(sample.edges), 0.5 * (sample.edges[1:] + sample.edges[:-1])
    points: dict[str, Any] = {"fmt": "o", "markersize": 3.5, "color": INK, "elinewidth": 1.1, "zorder": 4}
    ax.errorbar(middles, sample.shares / widths, sample.errors / widths, label=sample.label, **points)
    if law is not None:
        ax.plot(law.places, law.density, color=Role.CONTEXT.colour, linewidth=1.8, label=law.label, zorder=3)
        ax.fill_between(law.places, law.density, color=Role.CONTEXT.colour, alpha=0.10, linewidth=0)
    else:
        ax.stairs(sample.shares / widths, sample.edges, fill=True, color=Role.INITIAL.colour, alpha=0.25)
    ax.set_ylim(bottom=0)
    set_limits(ax, x=(sample.edges[0], sample.edges[-1]))
    dress(ax, title, x_label if below is None else "", "density")
    legend(ax)
    if below is not None and law is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.where(sample.errors > 0, (sample.shares - law.shares) / sample.errors, np.nan)
        _strip(below, middles, apart, x_label)
        ax.tick_params(labelbottom=False)
    return ax


@drawn_safely
def accumulating(
    lines: Mapping[str, tuple[Values, Values, Values]],
    reference: float,
    reference_label: str,
    title: str,
    y_label: str,
    ax: Axes | None = None,
) -> Axes:
    """Draws running means (times, values, errors) with error bands, around a known reference value.

    The vertical range is set by the bands after the first tenth of the run; earlier means are mostly noise.
    """
    ax = axes_or_new(ax)
    reach = [0.02 * abs(reference)]
    for colour, (label, (times, values, errors)) in zip((INK, *SERIES[1:]), lines.items(), strict=False):
        ax.plot(times, values, color=colour, linewidth=1.8, label=f"{label}, ± one standard error", zorder=4)
        ax.fill_between(times, values - errors, values + errors, color=colour, alpha=0.18, linewidth=0, zorder=2)
        settled = times >= times[0] + 0.1 * (times[-1] - times[0])
        reach.append(largest(np.abs(values - reference)[settled] + np.nan_to_num(errors[settled]), 0.0))
    ax.axhline(reference, color=Role.CONTEXT.colour, linewidth=1.3, linestyle=(0, (6, 2)), label=reference_label)
    set_limits(ax, y=(reference - 1.25 * max(reach), reference + 1.25 * max(reach)))
    return finished(ax, title, "time", y_label)


@drawn_safely
def plane_density(
    x: Values,
    y: Values,
    law: Values,
    edges: tuple[Values, Values],
    sample: Values,
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Draws a theoretical density in a plane as filled contours, with contour lines of a sample at the same levels.

    Args:
        x, y: (p,), (q,) grid of the theoretical density.
        law: (q, p) density; NaN outside the space.
        edges: of the bins of the sample, (k + 1,) and (l + 1,).
        sample: (l, k) density in the bins.
        title: of the panel.
        ax: axes to draw into.
    """
    ax = axes_or_new(ax, 5.6, 4.6)
    levels = largest(law, 0.0) * np.array([0.02, 0.08, 0.2, 0.4, 0.6, 0.8])
    if levels[0] > 0.0:
        ax.contourf(x, y, law, levels=[*levels, 2.0 * levels[-1]], colors=_SHADES)
        middles = [0.5 * (edge[1:] + edge[:-1]) for edge in edges]
        if largest(sample, 0.0) > levels[0]:
            ax.contour(*middles, sample, levels=levels, colors=Role.SIMULATED.colour, linewidths=1.3)
    ax.plot([], [], color=Role.SIMULATED.colour, linewidth=1.3, label="sample, same contour levels")
    ax.fill_between([], [], color=_SHADES[3], label="exp(−U/T)")
    ax.set_aspect("equal", adjustable="datalim")
    return finished(ax, title, "x₀ [length]", "x₁ [length]", **BELOW)


@drawn_safely
def radial(
    distances: Values, values: Values, errors: Values, peak: tuple[float, float] | None, title: str, ax: Axes | None
) -> Axes:
    """Draws g(r) (k,) with its errors, the ideal gas, g = 1, and the highest peak."""
    ax = axes_or_new(ax)
    ax.axhline(1.0, color=Role.CONTEXT.colour, linewidth=1.3, linestyle=(0, (6, 2)), label="ideal gas, g = 1", zorder=2)
    ax.plot(distances, values, color=INK, linewidth=1.8, label="g(r), ± one standard error", zorder=3)
    ax.fill_between(distances, values - errors, values + errors, color=INK, alpha=0.2, linewidth=0)
    if peak is not None:
        label = f"peak: g({peak[0]:.3g}) = {peak[1]:.3g}"
        ax.plot(*peak, marker="o", markersize=7, color=Role.SIMULATED.colour, linestyle="none", label=label, zorder=4)
    ax.set_ylim(bottom=0)
    set_limits(ax, x=(0.0, distances[-1]))
    return finished(ax, title, "distance r [length]", "g(r)")


def chance(p_value: float | Values) -> str:
    """A p-value as text for a title."""
    p = float(p_value)
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def beside() -> tuple[Axes, Axes, Axes]:
    """Axes of a new figure: a panel and a strip below it on the left, a panel on the right."""
    halves: Any = new_figure(11.5, 4.8).subfigures(1, 2, width_ratios=(1.1, 1))
    return *_with_strip(halves[0]), halves[1].add_subplot()


def _with_strip(figure: Figure | SubFigure) -> tuple[Axes, Axes]:
    """Two axes with a common x axis; the lower one is a strip."""
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    return upper, lower


def _strip(ax: Axes, x: Values, apart: Values, x_label: str) -> None:
    """Draws differences in standard errors, with a band of ±2. Triangles mark points beyond the panel."""
    ax.axhspan(-2, 2, color=Role.CONTEXT.colour, alpha=0.10, linewidth=0)
    ax.axhline(0, color=Role.CONTEXT.colour, linewidth=1.0)
    widest = float(np.clip(1.1 * np.nanmax(np.abs(apart), initial=0.0), 4.0, _WIDEST))
    for beyond, marker in ((apart > widest, "^"), (apart < -widest, "v"), (np.abs(apart) <= widest, "o")):
        heights = np.clip(apart[beyond], -0.88 * widest, 0.88 * widest) if marker != "o" else apart[beyond]
        ax.plot(x[beyond], heights, marker=marker, markersize=3 if marker == "o" else 5, color=INK, linestyle="none")
    set_limits(ax, y=(-widest, widest))
    dress(ax, "", x_label, "difference\n[errors]")
