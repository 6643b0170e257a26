"""The pictures of an inspection: norms of the rows, and the plane in which they spread most."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.linalg import eigh

from gasfield.embedding import Indices, Values
from gasfield.inspection.dead import DeadRows
from gasfield.inspection.inspection import Inspection
from gasfield.plots.style import SERIES, Role, dress, headline, legend, new_figure, save

_DOTS = 6000
"""Rows drawn in the plane: enough to see the cloud, few enough to see what is marked."""
_RINGS = 8
"""Groups of identical rows that are marked, the largest."""


def draw(inspection: Inspection, folder: Path) -> list[Path]:
    """Writes every picture; the paths."""
    figures = {"norms": norms(inspection).figure}
    if inspection.products is not None and len(inspection.kept) > 1:
        figures["plane"] = _plane(inspection)
    return [save(figure, folder / f"{name}.png") for name, figure in figures.items()]


def norms(inspection: Inspection, ax: Axes | None = None) -> Axes:
    """Histogram of the norms; over it the rows that have an identical one, and those that were given."""
    ax = new_figure(7.0, 4.2).add_subplot() if ax is None else ax
    values = inspection.norms
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high, 81).tolist() if high > low else [low - 0.5, low + 0.5]
    style: dict[str, Any] = {"color": Role.INITIAL.colour, "alpha": 0.45, "linewidth": 0}
    ax.hist(values, edges, label=f"all rows ({len(values):,})", **style)
    for colour, ids, label in _marked(inspection):
        ax.hist(values[np.isin(inspection.kept, ids)], edges, histtype="step", color=colour, linewidth=1.8, label=label)
    ax.set_yscale("log")
    ax.set_ylim(0.7, 4 * ax.get_ylim()[1])  # room for the legend
    number = inspection.quantities()["norm.mean"]
    dress(ax, f"Norms of the rows: mean {number.text()} [length]", "norm [length]", "rows")
    legend(ax)
    return ax


def dead_rows(found: DeadRows, ax: Axes | None = None) -> Axes:
    """Histogram of the distances from where dead rows would be; by counts where they are known."""
    assert found.score is not None
    ax = new_figure(7.0, 4.2).add_subplot() if ax is None else ax
    distances = np.maximum(-found.score.scores, 1e-6)
    edges = np.geomspace(distances.min(), distances.max() * 1.001, 91).tolist()
    style: dict[str, Any] = {"alpha": 0.45, "linewidth": 0}
    dead = np.isin(found.scored, found.dead)
    said = "that look dead" if found.counts is None else "that never occur"
    ax.hist(distances[~dead], edges, label=f"other rows ({int(np.sum(~dead)):,})", color=Role.INITIAL.colour, **style)
    ax.hist(distances[dead], edges, label=f"rows {said} ({int(np.sum(dead)):,})", color=Role.SIMULATED.colour, **style)
    if found.score.threshold is not None:
        ax.axvline(-found.score.threshold, color=Role.CONTEXT.colour, linestyle="--", label="where the kinds part")
    ax.set_xscale("log")
    title = "Distance from the densest place"
    if found.auc is not None:
        title += f": area under the curve {found.auc.quantity().text()}"
    dress(ax, title, "distance [median of the nearest tenth]", "rows")
    legend(ax)
    return ax


def _marked(inspection: Inspection) -> list[tuple[str, Indices, str]]:
    marked = []
    if inspection.identical:
        same = np.concatenate(list(inspection.identical))
        marked.append((Role.SIMULATED.colour, same, f"in groups of identical rows ({len(same):,})"))
    if inspection.given is not None:
        marked.append((Role.CONTEXT.colour, inspection.given, f"given rows ({len(inspection.given):,})"))
    return marked


@dataclass(frozen=True)
class _Dots:
    """Places in the plane (n, 2), and how they are drawn."""

    places: Values
    label: str
    style: dict[str, Any]


def _plane(inspection: Inspection) -> Figure:
    """The whole, and beside it a close-up of what is marked where that is small."""
    axes, shares = _principal_axes(inspection)
    crowd, marks = _crowd(inspection, axes), _marks(inspection, axes)
    window = _window(np.concatenate([dots.places for dots in crowd]), [dots.places for dots in marks])
    figure = new_figure(7.0 if window is None else 12.0, 6.0)
    panels = figure.subplots(1, 1 if window is None else 2, squeeze=False)[0]
    names = [
        f"{name} principal axis, {share:.1%} of the spread [length]"
        for name, share in zip(("first", "second"), shares, strict=True)
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
        panels[1].set(xlim=window[:, 0], ylim=window[:, 1], aspect="equal", adjustable="box")
    headline(figure, "The rows in the plane in which they spread most")
    return figure


def _crowd(inspection: Inspection, axes: Values) -> list[_Dots]:
    """The rows, or as many as can be seen; group by group where they have groups."""
    kept = inspection.kept
    shown = kept[np.linspace(0, len(kept) - 1, min(len(kept), _DOTS)).astype(np.int64)]
    every = "all rows" if len(shown) == len(kept) else f"{len(shown):,} of {len(kept):,} rows"
    groups = inspection.matrix.groups
    parts = {name: np.intersect1d(shown, ids) for name, ids in groups.items()} or {every: shown}
    colours = SERIES[1:] if groups else (Role.INITIAL.colour,)
    crowd = []
    for i, (name, ids) in enumerate(parts.items()):
        style = {"s": 6, "color": colours[i % len(colours)], "alpha": 0.7, "linewidths": 0, "zorder": 2}
        crowd.append(_Dots(_project(inspection, ids, axes), name, style))
    return crowd


def _marks(inspection: Inspection, axes: Values) -> list[_Dots]:
    """The rows that were given, and rings about groups of identical rows, the larger the more rows."""
    marks = []
    ring: dict[str, Any] = {"facecolors": "none", "linewidths": 0.7, "s": 16, "zorder": 3}
    if inspection.given is not None:
        given = inspection.given[np.isin(inspection.given, inspection.kept)][:_DOTS]
        label = f"given rows ({len(inspection.given):,})"
        style = ring | {"edgecolors": Role.CONTEXT.colour}
        marks.append(_Dots(_project(inspection, given, axes), label, style))
    if inspection.identical:
        largest = inspection.identical[:_RINGS]
        sizes = [len(group) for group in largest]
        few = ", ..." if len(inspection.identical) > _RINGS else ""
        label = f"groups of identical rows: {', '.join(map(str, sizes))}{few}"
        style = ring | {"edgecolors": Role.SIMULATED.colour, "s": 20 + 14 * np.log2(sizes), "linewidths": 1.5}
        marks.append(_Dots(_project(inspection, np.array([group[0] for group in largest]), axes), label, style))
    return marks


def _window(crowd: Values, marks: list[Values]) -> Values | None:
    """(2, 2) corners of a square about what is marked; None where it is not much smaller than the whole."""
    if not marks:
        return None
    places = np.concatenate(marks)
    low, high = places.min(axis=0), places.max(axis=0)
    half = 0.7 * float(np.max(high - low))
    if not 0 < half < 0.2 * float(np.max(np.ptp(crowd, axis=0))):
        return None
    return np.stack([0.5 * (low + high) - half, 0.5 * (low + high) + half])


def _principal_axes(inspection: Inspection) -> tuple[Values, Values]:
    """(D, 2) axes and (2,) their shares of the spread; in one dimension the second is zero."""
    products = inspection.products
    assert products is not None
    dimensions = len(products)
    wanted = min(2, dimensions)
    values, vectors = eigh(products, lower=False, subset_by_index=[dimensions - wanted, dimensions - 1])
    axes = np.zeros((dimensions, 2))
    axes[:, :wanted] = vectors[:, ::-1]
    shares = np.zeros(2)
    trace = float(np.trace(products))
    if trace > 0:
        shares[:wanted] = values[::-1] / trace
    return axes, shares


def _project(inspection: Inspection, ids: Indices, axes: Values) -> Values:
    """(n, 2) coordinates about the centroid."""
    places = np.empty((len(ids), 2))
    for place, x in inspection.matrix.blocks(ids):
        places[place] = (x - inspection.centroid) @ axes
    return places
