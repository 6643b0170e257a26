"""Diagrams of a sweep: a result over one key, with a line for each value of others, or a map over two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gasfield.plots.groups import colours, explain
from gasfield.plots.style import (
    INK,
    SIMULATED,
    Values,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    new_figure,
)

_LEVELS = 8
_TICKS = 8
"""Most values of a scan that are named on a logarithmic axis."""
_LOG = 2.0
"""A key is drawn on a logarithmic axis if its steps grow by this factor over the scan, and their ratios do not."""


@dataclass(frozen=True)
class Curve:
    """A result over one key.

    Attributes:
        x: (n,) values of the key, in increasing order.
        mean: (n,) over seeds.
        error: (n,) standard error; NaN where it is unknown.
    """

    x: Values
    mean: Values
    error: Values


@dataclass(frozen=True)
class Mark:
    """A place on the horizontal axis of curves.

    Attributes:
        label: of the line whose colour it takes.
        value: where.
        error: standard error, half the width of its band.
    """

    label: str
    value: float
    error: float


@drawn_safely
def curves(
    drawn: Mapping[str, Curve], key: str, result: str, ax: Axes | None = None, marks: Sequence[Mark] = ()
) -> Axes:
    """Draws curves with bands of one standard error.

    Args:
        drawn: label of a line -> its curve; a single line needs no label.
        key: name of the horizontal axis.
        result: name of the vertical axis, with its unit.
        ax: panel to draw into.
        marks: places of transitions, drawn as vertical lines with bands.
    """
    ax = axes_or_new(ax)
    for colour, (label, curve) in zip(colours(len(drawn)), drawn.items(), strict=True):
        ax.plot(curve.x, curve.mean, "o-", color=colour, markersize=3.5, linewidth=1.2, label=label)
        error = np.nan_to_num(curve.error)
        ax.fill_between(curve.x, curve.mean - error, curve.mean + error, color=colour, alpha=0.25, linewidth=0)
    shades = dict(zip(drawn, colours(len(drawn)), strict=True))
    for mark in marks:
        colour = shades.get(mark.label, INK)
        ax.axvline(mark.value, color=colour, linewidth=1.0, linestyle=(0, (4, 2)))
        ax.axvspan(mark.value - mark.error, mark.value + mark.error, color=colour, alpha=0.15, linewidth=0)
    if any(is_logarithmic(curve.x) for curve in drawn.values()):
        ax.set_xscale("log")
        _name_values(ax.xaxis, np.unique(np.concatenate([curve.x for curve in drawn.values()])))
    dress(ax, "", key, result)
    if len(drawn) > 1:
        explain(ax, list(drawn), frameon=False)
    return ax


@dataclass(frozen=True)
class Boundary:
    """Places of a transition in a plane.

    Attributes:
        x, y: (k,) coordinates.
        x_error, y_error: (k,) standard errors; those of the key that was set are 0.
    """

    x: Values
    y: Values
    x_error: Values
    y_error: Values


@drawn_safely
def boundaries(drawn: Mapping[str, Curve], key: str, along: str) -> Axes:
    """Draws where transitions are over another key, with error bars.

    Args:
        drawn: label -> places of the transition (`mean`) with standard errors over values of the key.
        key: name of the horizontal axis.
        along: key along which the transitions are, that of the vertical axis.
    """
    ax = axes_or_new(None)
    for colour, (label, curve) in zip(colours(len(drawn)), drawn.items(), strict=True):
        error = np.nan_to_num(curve.error)
        ax.errorbar(
            curve.x, curve.mean, error, fmt="o-", color=colour, markersize=4, capsize=2.5, linewidth=1.2, label=label
        )
    dress(ax, "", key, along)
    if len(drawn) > 1:
        explain(ax, list(drawn), frameon=False)
    return ax


@drawn_safely
def phase_map(
    x: Values, y: Values, mean: Values, keys: tuple[str, str], result: str, boundary: Boundary | None = None
) -> Axes:
    """Draws a map with contours.

    Args:
        x: (m,) values of the first key, in increasing order.
        y: (n,) of the second.
        mean: (n, m) over seeds; NaN where no point was run.
        keys: names of the axes.
        result: name of the colours, with its unit.
        boundary: places of transitions, if any.
    """
    figure = new_figure(6.4, 4.6)
    ax: Axes = figure.subplots()
    shown = ax.pcolormesh(x, y, mean, shading="nearest", cmap="viridis")
    if np.isfinite(mean).all() and np.ptp(mean) > 0 and min(mean.shape) > 1:
        ax.contour(x, y, mean, levels=_LEVELS, colors="white", linewidths=0.7, alpha=0.8)
    if boundary is not None:
        ax.errorbar(
            boundary.x, boundary.y, yerr=boundary.y_error, xerr=boundary.x_error, fmt="o-", color=SIMULATED,
            ecolor=SIMULATED, markersize=4, capsize=2.5, linewidth=1.2,
        )  # fmt: skip
    for values, axis, set_scale in ((x, ax.xaxis, ax.set_xscale), (y, ax.yaxis, ax.set_yscale)):
        if is_logarithmic(values):
            set_scale("log")
            _name_values(axis, values)
    finished(ax, "", *keys)
    ax.grid(False)
    figure.colorbar(shown, ax=ax, label=result)
    return ax


def _name_values(axis: Axis, values: Values) -> None:
    """Lets the ticks of a logarithmic axis be values of the scan where hardly a power of ten is among them."""
    if values[-1] >= 10.0 * values[0]:
        return
    axis.set_major_locator(FixedLocator(values[:: -(-len(values) // _TICKS)].tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))


def is_logarithmic(values: Values) -> bool:
    """Whether values are spaced by factors rather than by differences."""
    if len(values) < 3 or not (values > 0).all():
        return False
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(steps.max() > _LOG * steps.min() and ratios.max() <= _LOG * ratios.min())
