"""Panels of equilibrium: energies over time, measured and bath temperatures, heat given to the bath, integrals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from mpl_toolkits.axes_grid1 import make_axes_locatable

from gasfield.plots.style import (
    BELOW,
    CONTEXT,
    INITIAL,
    INK,
    SERIES,
    SIMULATED,
    Values,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    set_limits,
)
from gasfield.trajectory import Series

_COLOURS = {"potential": SERIES[0], "kinetic": SERIES[1], "total": INK}
_DASHES: dict[str, Any] = {"potential": "solid", "kinetic": (0, (3.5, 2.0)), "total": "solid"}
AGREES = 3.0
"""Number of standard errors within which two numbers agree."""


@drawn_safely
def energies_over_time(energies: Mapping[str, Series], start: float, title: str, ax: Axes | None = None) -> Axes:
    """Draws energies per particle over time with their means; pale and shaded before `start`, which is not averaged."""
    ax = axes_or_new(ax, 8.6, 4.4)
    for name, series in energies.items():
        colour, kept = _COLOURS[name], series.times >= start
        ax.plot(series.times, series.values, color=colour, alpha=0.4, linewidth=0.9)
        ax.plot(series.times[kept], series.values[kept], color=colour, alpha=0.7, linewidth=0.9)
        if kept.any():
            mean = float(series.values[kept].mean())
            style: dict[str, Any] = {"color": colour, "linewidth": 2.2, "linestyle": _DASHES[name], "zorder": 4}
            ax.plot([start, series.times[-1]], [mean, mean], label=f"{name}, mean {mean:.4g}", **style)
        else:
            ax.plot([], [], color=colour, label=name)
    _shade(ax, min((series.times[0] for series in energies.values()), default=np.nan), start)
    return finished(ax, title, "time", "energy per particle", **BELOW)


@drawn_safely
def temperatures_beside(ax: Axes, marks: Mapping[str, tuple[float, float | None]], bath: float | None) -> Axes:
    """Draws measured temperatures, (value, error) by name, and that of the bath in a new panel to the right of `ax`.

    Thick bars are one standard error, thin ones three; temperatures farther than that from the bath are orange.
    """
    side: Axes = make_axes_locatable(ax).append_axes("right", size="62%", pad=0.75)
    names = [*(["bath"] if bath is not None else []), *marks]
    text: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "va": "center"}
    if bath is not None:
        side.axhline(bath, color=INK, linewidth=1.4, linestyle="dotted", zorder=1)
        side.plot(0, bath, "D", color=INK, markersize=7, zorder=4)
        side.annotate(f"{bath:.4g}", (0, bath), (8, 9), color=INK, **text)
    for name, (value, error) in marks.items():
        place = names.index(name)
        away = None if bath is None or not error else (value - bath) / error
        colour = SIMULATED if away is not None and abs(away) > AGREES else CONTEXT
        if error:
            side.errorbar(place, value, AGREES * error, color=colour, linewidth=1.0, capsize=4)
            side.errorbar(place, value, error, color=colour, linewidth=3.5)
        side.plot(place, value, "o", color=colour, markersize=7, zorder=4)
        verdict = "" if away is None else f"\n{away:+.1f} s.e."
        side.annotate(f"{value:.4g}{verdict}", (place, value), (8, 0), color=colour, **text)
    dress(side, "temperature", "", "energy")
    side.set_xticks(range(len(names)), ["configu-\nrational" if name == "configurational" else name for name in names])
    side.set_xlim(-0.4, max(len(names), 1) + 0.1)
    side.margins(y=0.2)
    return side


@drawn_safely
def heat_over_time(
    times: Values,
    entropy: Values,
    start: float,
    rate: tuple[float, float | None],
    title: str,
    *,
    equilibrium: bool,
    ax: Axes | None = None,
) -> Axes:
    """Draws the heat given to the bath, divided by the temperature, over time (T,); its rate as a line with errors.

    Args:
        times, entropy: the cumulative entropy.
        start: time from which the rate is measured; earlier times are shaded.
        rate: the rate and its standard error.
        title: of the panel.
        equilibrium: whether a rate of zero is expected and drawn as a line.
        ax: axes to draw into.
    """
    ax = axes_or_new(ax)
    ax.plot(times, entropy, color=INK, linewidth=1.0, label="heat given to the bath / temperature")
    kept = times >= start
    if kept.any() and np.isfinite(rate[0]):
        middle, level = float(times[kept].mean()), float(entropy[kept].mean())
        line = level + rate[0] * (times[kept] - middle)
        error = f" ± {rate[1]:.2g}" if rate[1] else ""
        dashes: dict[str, Any] = {"color": SIMULATED, "linewidth": 2.0, "linestyle": (0, (3.5, 2.0)), "zorder": 4}
        ax.plot(times[kept], line, label=f"rate {rate[0]:.3g}{error}", **dashes)
        if rate[1]:
            _band(ax, times[kept], line, rate[1] * np.abs(times[kept] - middle), SIMULATED)
        if equilibrium:
            ax.axhline(level, color=CONTEXT, linewidth=1.6, linestyle="dotted", zorder=4, label="equilibrium: rate 0")
        low, high = float(entropy[kept].min()), float(entropy[kept].max())
        if high > low:  # earlier times may lie outside the limits
            set_limits(ax, y=(low - 0.6 * (high - low), high + 0.6 * (high - low)))
    _shade(ax, float(times[0]) if len(times) else np.nan, start)
    return finished(ax, title, "time", "entropy given to the bath, per particle", **BELOW)


@drawn_safely
def integrand(
    nodes: Values,
    values: Values,
    errors: Values,
    curve: tuple[Values, Values],
    labels: tuple[str, str, str],
    ax: Axes | None = None,
) -> Axes:
    """Draws means at the nodes (n,) of an integration with their errors, a curve through them and the area below it.

    `labels`: title, and labels of the two axes.
    """
    ax = axes_or_new(ax)
    ax.plot(*curve, color=CONTEXT, linewidth=1.6)
    ax.fill_between(*curve, color=CONTEXT, alpha=0.13, linewidth=0, label="the integral")
    ax.errorbar(nodes, values, errors, color=INK, fmt="o", markersize=5, capsize=3, label="mean, ± one standard error")
    ax.axhline(0, color=INITIAL, linewidth=0.9, linestyle="dotted", zorder=1)
    return finished(ax, *labels)


@drawn_safely
def curve_with_errors(
    nodes: Values, values: Values, errors: Values, labels: tuple[str, str, str], ax: Axes | None = None
) -> Axes:
    """Draws values at nodes (n,) with a band of three standard errors; `labels`: title, and labels of the two axes."""
    ax = axes_or_new(ax)
    _band(ax, nodes, values, errors, CONTEXT)
    ax.plot(nodes, values, color=CONTEXT, marker="o", markersize=5, linewidth=1.6)
    return finished(ax, *labels)


def _band(ax: Axes, places: Values, values: Values, errors: Values, colour: str) -> None:
    """Draws a band of three standard errors around values (n,)."""
    style: dict[str, Any] = {"color": colour, "alpha": 0.18, "linewidth": 0}
    ax.fill_between(places, values - AGREES * errors, values + AGREES * errors, label="± 3 standard errors", **style)


def _shade(ax: Axes, first: float, start: float) -> None:
    """Shades the time before `start`."""
    if start > first:
        ax.axvspan(first, start, color=INITIAL, alpha=0.16, linewidth=0, zorder=0, label="not averaged")
