"""Next tokens at a temperature: C(T) with nulls and law, ranked energies, densities of states, all contexts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gasfield.plots.style import CONTEXT, INITIAL, INK, SERIES, SIMULATED, dress, headline, legend, new_figure
from gasfield.statistics.canonical import canonical

Array = NDArray[np.float64]
POINTS = 80
COLUMNS = 3
LAWS = (
    ("tail", "lowest state, gap, Zipf tail", SIMULATED, (0, (3.5, 2.0))),
    ("bulk", "lowest state, Gaussian energies", SERIES[2], (0, (6.0, 1.5))),
    ("zipf", "null: bare Zipf", CONTEXT, "dashdot"),
    ("gaussian", "null: Gaussian energies", SERIES[1], "dotted"),
)


def heat_capacities(tokens: Sequence[Any], labels: Sequence[str]) -> Figure:
    """C(T) of next tokens with both nulls and the law, a panel with a label for each context."""
    return _panels(tokens, labels, heat_capacity, "Heat capacity of the next token, exact sums")


def spectra(tokens: Sequence[Any], labels: Sequence[str]) -> Figure:
    """Ranked energies over the logarithm of the rank with the fits, a panel with a label for each context."""
    return _panels(tokens, labels, ranked, "Ranked energies -log p of the next token")


def densities(tokens: Sequence[Any], labels: Sequence[str]) -> Figure:
    """Densities of states with the fits, a panel with a label for each context."""
    return _panels(tokens, labels, density, "Density of states of the next token, by octaves of the rank")


def heat_capacity(ax: Axes, token: Any, label: str) -> None:
    """Draws C(T) of one next token, its nulls and its law, from well below the peak to three times its place."""
    place = token.peak.temperature if np.isfinite(token.peak.temperature) else 1.0
    temperatures = np.linspace(0.15 * place, 3.0 * place, POINTS)
    for energies, curve, colour, dash, width in _curves(token):
        capacity = canonical(energies, temperatures).heat_capacity
        ax.plot(temperatures, capacity, color=colour, linestyle=dash, linewidth=width, label=curve)
    if token.scaling.melting_point is not None:
        ax.axvline(token.scaling.melting_point, color=INITIAL, linewidth=0.8, linestyle="dashed")
    dress(ax, _shortened(label), "temperature T", "heat capacity C [nats]")
    ax.set_ylim(bottom=0.0)


def ranked(ax: Axes, token: Any, label: str) -> None:
    """Draws E - E_1 over the rank, logarithmic, of one next token, its nulls and its law."""
    ranks = np.unique(np.geomspace(1, len(token.energies), 400).astype(int))
    for energies, curve, colour, dash, width in _curves(token):
        ax.plot(ranks, energies[ranks - 1], color=colour, linestyle=dash, linewidth=width, label=curve)
    ax.set_xscale("log")
    dress(ax, _shortened(label), "rank i = integrated density of states", "E − E₁ [nats]")
    ax.set_ylim(-0.2, 1.05 * float(token.energies[-1] - token.energies[0]))


def density(ax: Axes, token: Any, label: str) -> None:
    """Draws the density of states of one next token, its nulls and its law, from octaves of the rank."""
    for energies, curve, colour, dash, width in _curves(token):
        middle, states = _density(energies)
        ax.plot(middle, states, color=colour, linestyle=dash, linewidth=width, label=curve)
    ax.set_yscale("log")
    dress(ax, _shortened(label), "E − E₁ [nats]", "states per nat")


def over_contexts(models: Sequence[Any]) -> Figure:
    """The place and height of each peak, and gap and s of the law, over the contexts in their order."""
    figure = new_figure(10.5, 6.4)
    panels = figure.subplots(2, 2, sharex=True).ravel()
    names = (
        ("peak.temperature", "Place of the peak of C", "T"),
        ("peak.height", "Height of the peak of C", "C [nats]"),
        ("tail.gap", "Gap of the law", "gap [nats]"),
        ("tail.s", "Limiting temperature s of the law", "s [nats]"),
    )
    for ax, (name, title, label) in zip(panels, names, strict=True):
        for model, colour in zip(models, (INK, *SERIES) * len(models), strict=False):
            quantities = [token.quantities()[name] for token in model.tokens]
            values = np.array([q.leaf()["value"] for q in quantities], float)
            errors = np.array([q.leaf()["error"] or 0.0 for q in quantities], float)
            at = np.arange(1, len(values) + 1)
            ax.errorbar(at, values, errors, fmt="o", markersize=3, elinewidth=0.6, color=colour, label=model.name)
        if name == "peak.height":
            _null_heights(ax, models[0].tokens)
        dress(ax, title, "context" if ax in panels[2:] else "", label)
        ax.xaxis.get_major_locator().set_params(integer=True)
    legend(panels[1], fontsize=8)
    return figure


def _null_heights(ax: Axes, tokens: Sequence[Any]) -> None:
    """Draws the heights of both nulls, which depend on the number of states alone."""
    for which, label, colour, dash in LAWS[2:]:
        ax.axhline(getattr(tokens[0], which).peak().height, color=colour, linestyle=dash, linewidth=1.2, label=label)


def _panels(tokens: Sequence[Any], labels: Sequence[str], draw: Callable[[Axes, Any, str], None], title: str) -> Figure:
    """A panel for each next token, one legend."""
    columns = min(COLUMNS, len(tokens))
    rows = -(-len(tokens) // columns)
    figure = new_figure(4.2 * columns + (1.8 if columns == 1 else 0.0), 3.3 * rows + 0.9)
    headline(figure, title)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, token, label in zip(axes, tokens, labels, strict=False):
        draw(ax, token, label)
    for ax in axes[len(tokens) :]:
        ax.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=2 if columns == 1 else 3, fontsize=8.5, frameon=False
    )
    return figure


def _curves(token: Any) -> list[tuple[Array, str, str, Any, float]]:
    """Energies above the lowest measured one, label, colour, dash and width: the next token, laws and nulls."""
    measured = token.energies - token.energies[0]
    curves: list[tuple[Array, str, str, Any, float]] = [(measured, "measured", INK, "solid", 2.0)]
    for which, label, colour, dash in LAWS:
        energies = getattr(token, which).energies()
        zero = token.energies[0] if which == "gaussian" else 0.0
        curves.append((energies - zero, label, colour, dash, 1.5))
    return curves


def _density(energies: Array) -> tuple[Array, Array]:
    """Middles of octaves of the rank, and states per nat in them."""
    ranks = np.unique(np.append(2 ** np.arange(int(np.log2(len(energies))) + 1), len(energies)))
    edges = energies[ranks - 1]
    width = np.diff(edges)
    known = width > 0.0
    return ((edges[1:] + edges[:-1]) / 2.0)[known], (np.diff(ranks) / np.where(known, width, 1.0))[known]


def _shortened(label: str) -> str:
    return label if len(label) <= 36 else "…" + label[-35:]
