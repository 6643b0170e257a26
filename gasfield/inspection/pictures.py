"""The pictures of an inspection: norms of the rows, and the plane in which they spread most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.linalg import eigh

from gasfield.inspection.inspect import Inspection
from gasfield.inspection.matrix import Indices, Values
from gasfield.plots import SERIES, Role, dress, headline, legend, new_figure, save

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


def _marked(inspection: Inspection) -> list[tuple[str, Indices, str]]:
    marked = []
    if inspection.identical:
        same = np.concatenate(list(inspection.identical))
        marked.append((Role.SIMULATED.colour, same, f"in groups of identical rows ({len(same):,})"))
    if inspection.given is not None:
        marked.append((Role.CONTEXT.colour, inspection.given, f"given rows ({len(inspection.given):,})"))
    return marked


def _plane(inspection: Inspection) -> Figure:
    figure = new_figure(7.0, 6.0)
    ax = figure.add_subplot()
    axes, shares = _principal_axes(inspection)
    kept = inspection.kept
    shown = kept[np.linspace(0, len(kept) - 1, min(len(kept), _DOTS)).astype(np.int64)]
    every = "all rows" if len(shown) == len(kept) else f"{len(shown):,} of {len(kept):,} rows"
    parts = {name: np.intersect1d(shown, ids) for name, ids in inspection.matrix.groups.items()} or {every: shown}
    colours = SERIES[1:] if inspection.matrix.groups else (Role.INITIAL.colour,)
    for i, (name, ids) in enumerate(parts.items()):
        dots, colour = _project(inspection, ids, axes), colours[i % len(colours)]
        ax.scatter(dots[:, 0], dots[:, 1], s=7, color=colour, alpha=0.6, linewidths=0, label=name, zorder=2)
    if inspection.given is not None:
        given = inspection.given[np.isin(inspection.given, kept)][:_DOTS]
        places = _project(inspection, given, axes)
        label = f"given rows ({len(inspection.given):,})"
        ax.scatter(
            places[:, 0],
            places[:, 1],
            s=26,
            facecolors="none",
            edgecolors=Role.CONTEXT.colour,
            linewidths=0.8,
            label=label,
            zorder=3,
        )
    if inspection.identical:
        largest = inspection.identical[:_RINGS]
        places = _project(inspection, np.array([group[0] for group in largest]), axes)
        sizes = 20 + 14 * np.log2([len(group) for group in largest])
        few = (
            f"the {len(largest)} largest of {len(inspection.identical)}"
            if len(inspection.identical) > _RINGS
            else "all"
        )
        label = f"groups of identical rows ({few}), and how many rows"
        colour = Role.SIMULATED.colour
        ax.scatter(
            places[:, 0],
            places[:, 1],
            s=sizes,
            facecolors="none",
            edgecolors=colour,
            linewidths=1.5,
            label=label,
            zorder=4,
        )
        for place, group in zip(places, largest[:3], strict=False):
            offset: dict[str, Any] = {"xytext": (8, 6), "textcoords": "offset points"}
            ax.annotate(f"{len(group)}", place, color=colour, fontsize=9, zorder=5, **offset)
    ax.margins(0.08)
    ax.set_aspect("equal", adjustable="datalim")
    names = [
        f"{name} principal axis, {share:.1%} of the spread [length]"
        for name, share in zip(("first", "second"), shares, strict=True)
    ]
    dress(ax, "", *names)
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=2)
    headline(figure, "The rows in the plane in which they spread most")
    return figure


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
