"""Thermodynamics and correlations of sequences over temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasfield.plots.style import BESIDE, INK, SERIES, SIMULATED, drawn_safely, dress, legend, new_figure
from gasfield.quantity import Quantity


@drawn_safely
def thermodynamics(found: Any) -> Figure:
    """Energy and entropy a token, and heat capacity, over temperature."""
    figure = new_figure(9.5, 4.0)
    left, right = figure.subplots(1, 2)
    for name, colour in (("energy", INK), ("entropy", SERIES[0])):
        _errors(left, found.temperatures, found.quantity(name, per_token=True), name, colour)
    _errors(right, found.temperatures, found.quantity("heat_capacity", per_token=True), "dU/dT", INK)
    if "fluctuation" in found.thermal[0]:
        fluctuation = found.quantity("fluctuation", per_token=True)
        _errors(right, found.temperatures, fluctuation, "Var(E)/T²", SIMULATED, dashed=True)
    dress(left, f"{found.law}, {found.length} tokens", "temperature", "nats a token")
    dress(right, "Heat capacity", "temperature", "nats a token and unit of T")
    legend(left)
    legend(right)
    return figure


@drawn_safely
def correlations(found: Any) -> Figure:
    """Coincidence of tokens and mutual information of classes over distance, a line for each temperature."""
    figure = new_figure(10.5, 4.0)
    count = max(len(found.temperatures) - 1, 1)
    for panel, name, title in zip(
        figure.subplots(1, 2),
        ("coincidence", "mutual_information"),
        ("Coincidence of tokens, connected", "Mutual information of classes [nats]"),
        strict=True,
    ):
        for k, (temperature, row) in enumerate(zip(found.temperatures, found.structural, strict=True)):
            error = row[name].error
            if error is None:
                continue
            colour = _warm(k / count)
            panel.errorbar(
                found.distances, row[name].value, error, fmt="o-", color=colour, markersize=3, linewidth=1.0,
                label=f"T = {temperature:.3g}",
            )  # fmt: skip
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:g}")
        panel.axhline(0.0, color=INK, linewidth=0.8)
        dress(panel, title, "distance [tokens]", "")
    legend(panel, **BESIDE)
    return figure


def _errors(panel: Axes, at: Any, quantity: Quantity, label: str, colour: str, dashed: bool = False) -> None:
    value, error = np.array(quantity.value, float), np.array(quantity.error, float)
    line = "s--" if dashed else "o-"
    panel.errorbar(at, value, np.nan_to_num(error), fmt=line, color=colour, markersize=4, capsize=2, label=label)


def _warm(share: float) -> tuple[float, float, float]:
    """Blue for cold, red for hot."""
    return 0.1 + 0.8 * share, 0.25, 0.9 - 0.75 * share
