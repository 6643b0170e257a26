"""Figures of an embedding matrix: norms of its rows, their principal plane, and dead rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gasfield.plots.style import (
    SERIES,
    Role,
    Values,
    are_apart,
    axes_or_new,
    drawn_safely,
    dress,
    finished,
    headline,
    largest,
    legend,
    new_figure,
    set_limits,
)

_RINGS = 8
"""Number of groups of identical rows that are marked (the largest ones)."""
_FILLED: dict[str, Any] = {"alpha": 0.45, "linewidth": 0}


@dataclass(frozen=True)
class PrincipalPlane:
    """Rows projected on a plane.

    Attributes:
        shares: (2,) of the variance along the axes.
        groups: label -> (n, 2) positions of the rows [length]; a single group stands for all rows.
        given: (n, 2) positions of the given rows.
        given_count: number of given rows.
        identical: (m, 2) position of each group of identical rows, the largest first.
        sizes: (m,) number of rows in each of these groups.
    """

    shares: Values
    groups: dict[str, Values]
    given: Values = field(default_factory=lambda: np.empty((0, 2)))
    given_count: int = 0
    identical: Values = field(default_factory=lambda: np.empty((0, 2)))
    sizes: Sequence[int] = ()


@dataclass(frozen=True)
class _Dots:
    """Positions in the plane (n, 2), and their style."""

    places: Values
    label: str
    style: dict[str, Any]


@drawn_safely
def norms(
    values: Values,
    mean: str,
    *,
    identical: Values | None = None,
    given: Values | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a histogram of norms.

    Args:
        values: (n,) of all rows [length].
        mean: their mean with its error, as text.
        identical: norms of rows with an identical other row.
        given: norms of the given rows.
        ax: axes to draw into.
    """
    ax = axes_or_new(ax, 7.0, 4.2)
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    width = max(0.5, 1e-6 * abs(low))
    edges = np.linspace(low, high, 81).tolist() if are_apart(low, high) else [low - width, low + width]
    ax.hist(known, edges, label=f"all rows ({len(values):,})", color=Role.INITIAL.colour, **_FILLED)
    marked = ((Role.SIMULATED, identical, "in groups of identical rows"), (Role.CONTEXT, given, "given rows"))
    for role, some, label in marked:
        if some is not None and len(some):
            style: dict[str, Any] = {"histtype": "step", "color": role.colour, "linewidth": 1.8}
            ax.hist(some[np.isfinite(some)], edges, label=f"{label} ({len(some):,})", **style)
    if len(known):
        ax.set_yscale("log")
        set_limits(ax, y=(0.7, 4 * ax.get_ylim()[1]))  # space for the legend
    return finished(ax, f"Norms of the rows: mean {mean} [length]", "norm [length]", "rows")


@drawn_safely
def dead_rows(
    distances: Values,
    dead: NDArray[np.bool_],
    *,
    label: str,
    threshold: float | None = None,
    area: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a histogram of distances from the centre of the densest rows.

    Args:
        distances: (n,) of the rows, in units of the median of the nearest tenth.
        dead: (n,) mask of the dead rows.
        label: description of the dead rows ("that never occur").
        threshold: distance that separates dead from other rows, if defined.
        area: the area under the curve with its error, as text, if known.
        ax: axes to draw into.
    """
    ax = axes_or_new(ax, 7.0, 4.2)
    known = np.isfinite(distances)
    distances, dead = np.maximum(distances[known], 1e-6), dead[known]
    edges = np.geomspace(-largest(-distances, -1.0), largest(distances, 1.0) * 1.001, 91).tolist()
    for rows, name, role in ((~dead, "other rows", Role.INITIAL), (dead, f"rows {label}", Role.SIMULATED)):
        ax.hist(distances[rows], edges, label=f"{name} ({int(rows.sum()):,})", color=role.colour, **_FILLED)
    if threshold is not None:
        ax.axvline(threshold, color=Role.CONTEXT.colour, linestyle="dashed", label="threshold")
    if len(distances):
        ax.set_xscale("log")
    title = "Distance from the densest point" + (f": area under the curve {area}" if area else "")
    return finished(ax, title, "distance [median of the nearest tenth]", "rows")


@drawn_safely
def plane(rows: PrincipalPlane) -> Figure:
    """Draws the whole plane and, if the marked rows are in a small region, a close-up of it."""
    crowd, marks = _crowd(rows), _marks(rows)
    window = _window(np.concatenate([dots.places for dots in crowd]), [dots.places for dots in marks])
    figure = new_figure(7.0 if window is None else 12.0, 6.0)
    panels = figure.subplots(1, 1 if window is None else 2, squeeze=False)[0]
    names = [
        f"{name} principal axis, {share:.1%} of the variance [length]"
        for name, share in zip(("first", "second"), rows.shares, strict=True)
    ]
    for ax in panels:
        for dots in (*crowd, *marks):
            ax.scatter(dots.places[:, 0], dots.places[:, 1], label=dots.label, **dots.style)
        ax.margins(0.08)
        ax.set_aspect("equal", adjustable="datalim")
        dress(ax, "", *names)
    legend(panels[0], loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=2)
    if window is not None:
        dress(panels[1], "Close-up of the marked rows", *names)
        set_limits(panels[1], x=window[:, 0].tolist(), y=window[:, 1].tolist())
        panels[1].set_aspect("equal", adjustable="box")
    headline(figure, "The rows in their principal plane")
    return figure


def _crowd(rows: PrincipalPlane) -> list[_Dots]:
    """The rows, group by group."""
    colours = SERIES[1:] if len(rows.groups) > 1 else (Role.INITIAL.colour,)
    style: dict[str, Any] = {"s": 6, "alpha": 0.7, "linewidths": 0, "zorder": 2}
    return [
        _Dots(places, label, style | {"color": colours[number % len(colours)]})
        for number, (label, places) in enumerate(rows.groups.items())
    ]


def _marks(rows: PrincipalPlane) -> list[_Dots]:
    """The given rows, and rings around groups of identical rows, larger for more rows."""
    marks = []
    ring: dict[str, Any] = {"facecolors": "none", "linewidths": 0.7, "s": 16, "zorder": 3}
    if rows.given_count:
        style = ring | {"edgecolors": Role.CONTEXT.colour}
        marks.append(_Dots(rows.given, f"given rows ({rows.given_count:,})", style))
    if len(rows.sizes):
        sizes = rows.sizes[:_RINGS]
        few = ", ..." if len(rows.sizes) > _RINGS else ""
        label = f"groups of identical rows: {', '.join(map(str, sizes))}{few}"
        style = ring | {"edgecolors": Role.SIMULATED.colour, "s": 20 + 14 * np.log2(sizes), "linewidths": 1.5}
        marks.append(_Dots(rows.identical[:_RINGS], label, style))
    return marks


def _window(crowd: Values, marks: list[Values]) -> Values | None:
    """(2, 2) corners of a square around the marked rows; None if it is not much smaller than the whole."""
    if not marks:
        return None
    places = np.concatenate(marks)
    low, high = places.min(axis=0), places.max(axis=0)
    half = 0.7 * float(np.max(high - low))
    if not 0 < half < 0.2 * float(np.max(np.ptp(crowd, axis=0))):
        return None
    return np.stack([0.5 * (low + high) - half, 0.5 * (low + high) + half])
