"""Time series and other curves of several groups in one panel: over time, over temperature, in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gasfield.plots.groups import colours, explain, widths
from gasfield.plots.style import (
    BESIDE,
    INITIAL,
    INK,
    SERIES,
    Values,
    are_apart,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    legend,
    log_scale,
)


@drawn_safely
def over_time(
    lines: Mapping[str, tuple[Values, Values]], title: str, y_label: str, ax: Axes | None = None, *, log: bool = False
) -> Axes:
    """Draws a line (times, values) for each group."""
    ax = axes_or_new(ax, 7.6, 4.4)
    looks = zip(colours(len(lines)), widths(list(lines.values())), lines.items(), strict=True)
    for colour, width, (name, (times, values)) in looks:
        ax.plot(times, values, color=colour, label=name, linewidth=width)
    if log:
        log_scale(ax, np.concatenate([values for _, values in lines.values()]))
    dress(ax, title, "time", y_label)
    explain(ax, list(lines))
    return ax


@drawn_safely
def cluster_counts(lines: Mapping[str, tuple[Values, NDArray[np.int64]]], title: str, ax: Axes | None = None) -> Axes:
    """Draws numbers of clusters over time, both on logarithmic axes; metastable states are plateaus."""
    ax = axes_or_new(ax, 7.6, 4.4)
    looks = zip(colours(len(lines)), widths(list(lines.values())), lines.items(), strict=True)
    for colour, width, (name, (times, counts)) in looks:
        later = times > 0
        ax.step(times[later], counts[later], where="post", color=colour, label=name, linewidth=width)
    drawn = np.concatenate([times[times > 0] for times, _ in lines.values()]) if lines else np.empty(0)
    if drawn.size and are_apart(float(drawn.min()), float(drawn.max())):
        ax.set_xscale("log")
    ax.set_yscale("log")
    ax.axhline(1.0, color=INITIAL, linewidth=0.9, linestyle="dotted", zorder=1)
    dress(ax, title, "", "clusters")
    ax.set_xlabel("time", fontsize=10, color=INK)
    explain(ax, list(lines))
    return ax


@drawn_safely
def order_over_temperature(
    points: Sequence[tuple[float | None, Any, Any]],
    chance: float,
    title: str,
    theory: tuple[Values, Values, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws points (temperature, order, error), the order of random directions, and, if known, that in the limit of
    infinitely many particles (temperatures, orders, critical temperature)."""
    ax = axes_or_new(ax)
    if theory is not None:
        ax.plot(theory[0], theory[1], color=INK, linewidth=1.6, label="infinitely many tokens", zorder=1)
        ax.axvline(theory[2], color=INK, linewidth=0.9, linestyle="dotted", label=f"theory: {theory[2]:.4g}", zorder=0)
    known = [(t, value, error or 0.0) for t, value, error in points if value is not None]
    t, values, errors = (np.array(column, np.float64) for column in zip(*known, strict=True))
    ax.errorbar(t, values, 2.0 * errors, fmt="o", color=SERIES[0], capsize=3, label="steady part, ± 2 standard errors")
    ax.axhline(chance, color=INITIAL, linewidth=1.0, linestyle="dotted", label="random directions")
    ax.set_ylim(0.0, 1.03)
    return finished(ax, title, "temperature", "order |mean of x|")


@drawn_safely
def tracks(ways: Mapping[str, tuple[Values, Values]], title: str, ax: Axes | None = None) -> Axes:
    """Draws tracks (T, N, D) in the plane of the first two coordinates, and an arrow along the drift (N, D) of each."""
    ax = axes_or_new(ax, 7.6, 4.4)
    for colour, (name, (way, drifts)) in zip(colours(len(ways)), ways.items(), strict=True):
        for i in range(way.shape[1]):
            x, drift = way[:, i], drifts[i]
            ax.plot(x[:, 0], x[:, 1], color=colour, linewidth=1.2, label=name if i == 0 else None)
            ax.plot(*x[0, :2], "o", color=colour, markersize=5)
            length = np.linalg.norm(x[-1, :2] - x[0, :2])
            pace = np.linalg.norm(drift[:2])
            if pace > 0:
                middle, half = x[:, :2].mean(axis=0), 0.5 * length * drift[:2] / pace
                ax.annotate(
                    "", middle + half, middle - half, arrowprops={"arrowstyle": "->", "color": colour, "lw": 1.0}
                )
    dress(ax, title, "x0 [length]", "x1 [length]")
    ax.set_aspect("equal", adjustable="datalim")
    explain(ax, list(ways))
    return ax


_SIX_DASHES: tuple[Any, ...] = ("solid", "dashed", "dotted", "dashdot", (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)))


@drawn_safely
def basin_shares(
    groups: Mapping[str, tuple[Values, Values, Values, Values]], title: str, ax: Axes | None = None
) -> Axes:
    """Draws basin occupations, given (times (T,), shares (T, B), minima (B, D), energies (B,)) of each group: a line
    for each basin over time; if a group has more than six, the final share against the energy of each minimum."""
    ax = axes_or_new(ax, 7.6, 4.4)
    many = max(shares.shape[1] for _, shares, _, _ in groups.values()) > 6
    for colour, (name, (times, shares, minima, energies)) in zip(colours(len(groups)), groups.items(), strict=True):
        if many:
            ax.plot(energies, shares[-1], "o", color=colour, alpha=0.75, markersize=6, label=f"{name}: {len(energies)}")
            continue
        for k in range(shares.shape[1]):
            place = ", ".join(f"{round(float(x), 2) + 0.0:g}" for x in minima[k, :3])
            label = f"{name} at ({place})"
            ax.plot(times, shares[:, k], color=colour, linestyle=_SIX_DASHES[k], linewidth=2.0, label=label)
    if many:
        dress(ax, title + ", final", "energy of the minimum", "share of the particles")
    else:
        dress(ax, title, "time", "share of the particles")
        ax.set_ylim(-0.02, 1.02)
    legend(ax, **BESIDE)
    return ax
