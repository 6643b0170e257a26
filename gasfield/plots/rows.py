"""Panels that show individual rows: rasters, bundles of lines, counts in classes, directions on a sphere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from gasfield.plots.style import (
    INK,
    Role,
    Values,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    legend,
    new_figure,
    set_limits,
)

Integers = NDArray[np.int64]

_PHASE_COLOURS = ("#e8590c", "#f5c04a", "#8cc5e3", "#1f4e79")
_BUNDLE = 200
"""Maximum number of lines of rows."""
_VEIL: dict[str, Any] = {"facecolor": "white", "alpha": 0.55, "linewidth": 0, "zorder": 5}
_MOST_CLASSES = 17
"""Classes of cells moved: zero, and one for each power of two up to the maximum 65,279."""


def over_each_other() -> tuple[Axes, Axes]:
    """Two axes of a new figure, one above the other."""
    upper, lower = new_figure(6.4, 6.8).subplots(2, 1, height_ratios=(1.15, 1))
    return upper, lower


@drawn_safely
def raster(
    steps: Integers, phases: Integers, names: Sequence[str], title: str, horizon: int, ax: Axes | None = None
) -> Axes:
    """Draws phases (N, t) of rows at evenly spaced steps (t,), one coloured line per row; pale after the horizon."""
    ax = axes_or_new(ax)
    colours = _PHASE_COLOURS[: len(names)]
    if phases.size:
        half = 0.5 * (steps[-1] - steps[0]) / max(len(steps) - 1, 1) if len(steps) > 1 else 0.5
        extent = (steps[0] - half, steps[-1] + half, phases.shape[0], 0)
        look: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "vmin": -0.5, "vmax": len(names) - 0.5}
        ax.imshow(phases, cmap=ListedColormap(colours), extent=extent, **look)
        ax.axvspan(horizon, steps[-1] + half, **_VEIL)
        ax.axvline(horizon, color=INK, linewidth=1.0, linestyle="dotted", zorder=6)
        set_limits(ax, x=extent[:2])
    dress(ax, title, "step", "rows, in order of freezing")
    ax.grid(False)
    key = [Patch(facecolor=colour, label=name) for colour, name in zip(colours, names, strict=True)]
    key.append(Patch(facecolor="white", edgecolor="#b5b5bd", linestyle="dotted", label="pale: provisional"))
    look = {"fontsize": 9, "frameon": False, "ncols": len(key), "columnspacing": 1.2, "handlelength": 1.4}
    ax.legend(handles=key, loc="upper center", bbox_to_anchor=(0.5, -0.15), **look)
    return ax


@drawn_safely
def cell_counts(steps: Integers, largest: Values, ax: Axes) -> Axes:
    """Draws shares of rows (T - 1, N) that move 0, 1, 2-3, 4-7, ... cells in intervals that end at steps (T - 1,)."""
    shares = class_shares(largest)
    seen = max(int(np.max(np.flatnonzero(shares.any(axis=1)), initial=0)) + 1, 4)
    if shares.any():
        least = 1.0 / max(largest.shape[1], 1)
        edges = np.arange(seen + 1) - 0.5
        drawn = np.where(shares[:seen] > 0, shares[:seen], np.nan)
        look: dict[str, Any] = {"cmap": "YlGnBu", "norm": LogNorm(min(least, 0.1), 1.0), "rasterized": True}
        mesh = ax.pcolormesh(_edges(steps), edges, drawn, **look)
        bar = ax.figure.colorbar(mesh, ax=ax, pad=0.01, aspect=12)
        bar.set_label("share of rows", fontsize=9, color=INK)
        bar.ax.tick_params(labelsize=8, colors=INK)
        set_limits(ax, x=(_edges(steps)[0], steps[-1]))
    names = ["0", "1", *(f"{2**k}–{2 ** (k + 1) - 1}" for k in range(1, _MOST_CLASSES - 1))]
    names[-1] += " or ∞"
    every = 1 if seen <= 9 else 2
    first = (seen - 1) % every
    ax.set_yticks(range(first, seen, every), names[first:seen:every])
    dress(ax, "", "step", "cells moved (L∞)")
    ax.grid(False)
    return ax


def class_shares(largest: Values) -> Values:
    """(17, T - 1) shares of rows (T - 1, N) that move 0, 1, 2-3, ..., 32768 or more cells; fractions of a cell count as
    one, and infinity belongs to the last class."""
    _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 2.0**_MOST_CLASSES))
    classes = np.clip(np.where(largest > 0, np.maximum(exponent, 1), 0), 0, _MOST_CLASSES - 1)
    return np.array([(classes == k).mean(axis=1) for k in range(_MOST_CLASSES)]) if largest.size else np.zeros((17, 0))


@drawn_safely
def freeze_counts(edges: Values, counts: Integers, later: int, horizon: int, ax: Axes) -> Axes:
    """Draws how many rows freeze in each bin between edges (k + 1,), and how many have not frozen by the horizon."""
    ax.stairs(counts, edges, fill=True, color=Role.REAL.colour, alpha=0.8, label="last motions")
    total = int(counts.sum()) + later
    ax.axvline(horizon, color=INK, linewidth=1.0, linestyle="dotted")
    note = f"{later} of {total} rows move after step {horizon}:\ntheir last motion is unknown"
    look: dict[str, Any] = {"transform": ax.transAxes, "va": "top", "fontsize": 9, "color": INK}
    ax.text(0.02, 0.95, note if later else f"all {total} rows are frozen by step {horizon}", **look)
    ax.set_ylim(0, 1.35 * max(int(counts.max(initial=0)), 1))
    dress(ax, "", "step of the last motion", "rows")
    return ax


def falls(spans: Sequence[tuple[int, int]], ax: Axes) -> None:
    """Shades intervals, from a peak to a minimum, behind the curves."""
    for number, (start, end) in enumerate(spans):
        label = None if number else "reheat: the unmoved share falls"
        ax.axvspan(start, end, color="#e69f00", alpha=0.22, linewidth=0, zorder=0, label=label)
    if spans:
        legend(ax)


@drawn_safely
def bundle(steps: Integers, values: Values, title: str, y_label: str, ax: Axes | None = None) -> Axes:
    """Draws a thin line for each row of (T, N), their median thick, the 10th and 90th percentile dotted; logarithmic,
    with gaps at zero."""
    ax = axes_or_new(ax)
    if values.size:
        shown = np.unique(np.linspace(0, values.shape[1] - 1, _BUNDLE).astype(int))
        drawn = np.where(values > 0, values, np.nan)
        look: dict[str, Any] = {"linewidths": 0.5, "colors": Role.CONTEXT.colour, "zorder": 2, "rasterized": True}
        look["alpha"] = float(np.clip(12.0 / len(shown), 0.12, 0.6))
        segments = [np.stack([steps, drawn[:, row]], axis=1) for row in shown]
        which = f"{len(shown)} of {values.shape[1]} rows" if len(shown) < values.shape[1] else "each row"
        ax.add_collection(LineCollection(segments, label=which, **look))
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=1)
        style: dict[str, Any] = {"color": INK, "marker": "o" if len(steps) == 1 else None}
        ax.plot(steps, np.where(middle > 0, middle, np.nan), linewidth=2.2, zorder=4, label="median", **style)
        for curve, label in ((low, "10% and 90% of rows"), (high, None)):
            line = np.where(curve > 0, curve, np.nan)
            ax.plot(steps, line, linewidth=1.1, linestyle="dotted", zorder=4, label=label, **style)
        if np.any(values > 0):
            ax.set_yscale("log")
            least, most = np.quantile(values[values > 0], [0.001, 1.0])
            set_limits(ax, y=(0.7 * least, 1.4 * most))
        if len(steps) > 1:
            set_limits(ax, x=(steps[0], steps[-1]))
    return finished(ax, title, "step", y_label)


@drawn_safely
def directions_map(longitudes: Values, latitudes: Values, steps: Integers, title: str, ax: Axes | None = None) -> Axes:
    """Draws directions (M,) [radians], coloured by their steps (M,), in the Mollweide (equal-area) projection.

    Raises:
        ValueError: if `ax` has another projection.
    """
    if ax is None:
        ax = new_figure(7.2, 4.4).add_subplot(projection="mollweide")
    if ax.name != "mollweide":
        raise ValueError("needs axes made with projection='mollweide'")
    dots = ax.scatter(longitudes, latitudes, c=steps, cmap="viridis", s=4, alpha=0.55, linewidths=0, rasterized=True)
    bar = ax.figure.colorbar(dots, ax=ax, pad=0.03, shrink=0.75, aspect=18)
    bar.set_label("step", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    if bar.solids is not None:
        bar.solids.set_alpha(1.0)
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK)
    ax.grid(True, color="#d9d9e0", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=7, colors="#8d8d99")
    ax.set_xlabel("longitude: from the first axis to the second; latitude: to the third", fontsize=9, color=INK)
    return ax


def _edges(steps: Integers) -> Values:
    """(T,) edges of the intervals that end at steps (T - 1,); the first is assumed as long as the second."""
    first = steps[0] - (steps[1] - steps[0] if len(steps) > 1 else 1)
    return np.concatenate([[first], steps]).astype(np.float64)


@drawn_safely
def before_and_after(ways: Values, labels: tuple[str, str], title: str, ax: Axes | None = None) -> Axes:
    """Draws initial and final positions of rows in a plane (t, N, 2), with their paths; without `ax`, two more panels
    show the two clouds relative to their centroids, each on its own scale."""
    own = ax is None
    panels = [ax] if ax is not None else list(new_figure(11.6, 3.9).subplots(1, 3, width_ratios=(1.4, 1, 1)))
    if not len(ways):
        dress(panels[0], title, *labels)
        return panels[0]
    dots: dict[str, Any] = {"s": 9, "linewidths": 0, "alpha": 0.8, "zorder": 4}
    looks = (
        dots | {"color": Role.INITIAL.colour, "label": "initial"},
        dots | {"color": INK, "label": "final"},
    )
    shown = np.unique(np.linspace(0, ways.shape[1] - 1, _BUNDLE).astype(int))
    lines = LineCollection(
        list(np.swapaxes(ways[:, shown], 0, 1)), colors=Role.CONTEXT.colour, linewidths=0.4, alpha=0.3
    )
    panels[0].add_collection(lines)
    for frame, look in zip((0, -1), looks, strict=True):
        panels[0].scatter(*ways[frame].T, **look)
    panels[0].set_aspect("equal", adjustable="datalim")
    dress(panels[0], title, *labels)
    legend(panels[0])
    if own:
        for part, frame, look, when in zip(panels[1:], (0, -1), looks, ("Initial", "Final"), strict=True):
            apart = ways[frame] - ways[frame, 0]  # exactly zero for coincident rows
            apart -= apart.mean(axis=0)
            part.scatter(*apart.T, **look)
            if np.any(apart):
                reach = 1.1 * float(np.abs(apart).max())
                set_limits(part, x=(-reach, reach), y=(-reach, reach))
            else:
                part.text(0.5, 0.6, "all rows coincide", transform=part.transAxes, ha="center", fontsize=9, color=INK)
            part.set_aspect("equal")
            for axis in (part.xaxis, part.yaxis):
                axis.set_major_locator(MaxNLocator(4))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
            dress(part, f"{when}, relative to the centroid", labels[0], "")
    return panels[0]
