"""The picture of the study of exponents over depth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from depth_exponents_page import LATE, Kept, Values, correlations
from matplotlib.axes import Axes

from gasfield.plots.style import CONTEXT, INITIAL, INK, SHADES, SIMULATED, finished, headline, new_figure, save
from gasfield.tracing.expansion import averaged

RESOLVED = 576 * 2.0**-52
"""Singular values below this share of the largest are rounding."""


def draw(spectra: Mapping[str, list[Kept]], tokens: Mapping[str, Kept], path: Path) -> None:
    """Draws spectra, stretching over depth, and correlations."""
    figure = new_figure(15, 4.8)
    left, middle, right = figure.subplots(1, 3)
    _spectra(left, spectra)
    _over_depth(middle, tokens)
    _by_text(right, tokens)
    headline(
        figure, "SmolLM2-135M-Instruct: states grow faster than neighbours separate; bands: standard errors over texts"
    )
    save(figure, path)


def _spectra(ax: Axes, spectra: Mapping[str, list[Kept]]) -> None:
    for layer, shade in zip((1, 10, 20, 30), SHADES[1:], strict=False):
        for key, line in (("raw", "-"), ("normalised", ":")):
            found = averaged({name: _logs(each, layer, key) for name, each in spectra.items()})
            index = np.arange(1, len(found.value) + 1)
            label = f"{layer} layer" + "s" * (layer > 1) if key == "raw" else None
            ax.plot(index, found.value, line, color=shade if layer < 30 else SIMULATED, label=label)
    ax.axhline(0, color=INITIAL, linewidth=0.8)
    ax.plot([], [], ":", color=INK, label="normalised")
    ax.set_xscale("log")
    ax.set_ylim(-14, 7)
    finished(ax, "Stretch of every direction", "direction, by stretch", "log of the stretch")


def _logs(found: list[Kept], layer: int, key: str) -> Values:
    rows = [each[key][list(each["frames"]).index(2 * layer)] for each in found]
    return np.array([np.maximum(row, row[0] + np.log(RESOLVED)) for row in rows])


def _over_depth(ax: Axes, tokens: Mapping[str, Kept]) -> None:
    logs = {name: np.log(found["norms"] / found["norms"][0])[:, LATE:].T for name, found in tokens.items()}
    rows = {
        "length of the state": (logs, INITIAL),
        "displacement": ({name: found["raw"][:, LATE:].T for name, found in tokens.items()}, CONTEXT),
        "displacement, normalised": ({name: found["seen"][:, LATE:].T for name, found in tokens.items()}, SIMULATED),
    }
    for label, (values, colour) in rows.items():
        found = averaged(values)
        layers = np.arange(len(found.value)) / 2
        ax.fill_between(layers, found.value - found.over_texts, found.value + found.over_texts, color=colour, alpha=0.3)
        ax.plot(layers, found.value, color=colour, label=label)
    ax.axhline(0, color=INITIAL, linewidth=0.8)
    finished(ax, "Random displacements, and the state itself", "layer", "log of the growth since the embedding")


def _by_text(ax: Axes, tokens: Mapping[str, Kept]) -> None:
    for shift, key, colour, label in ((-0.15, "raw", CONTEXT, "raw"), (0.15, "seen", SIMULATED, "normalised")):
        found = correlations(tokens, key, 30)
        places = np.arange(len(found.by_text)) + shift
        ax.plot(list(found.by_text.values()), places, "o", color=colour, label=label)
        ax.axvline(found.value, color=colour, linestyle="dashed", linewidth=1)
    count = next(iter(tokens.values()))["entropy"][LATE:].size
    ax.axvspan(-2 / np.sqrt(count), 2 / np.sqrt(count), color=INITIAL, alpha=0.2, label="permuted: two deviations")
    ax.set_yticks(range(len(tokens)), list(tokens))
    ax.invert_yaxis()
    finished(ax, "Mean stretch and entropy of the next token", "rank correlation within the text", "")
