"""A picture never fails for its words: names are drawn as they are spelled, in bounded number and length."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gasfield.plots.panels import Curve, curves
from gasfield.plots.style import Role, finished, headline, new_figure, save_all
from gasfield.plots.words import ENTRIES, LONGEST_LABEL, LONGEST_TEXT

NAMES = ["$\\frac", "x^{$a$", "\x1b[31m\u202e", "_hidden", "a\nb", "\ud800", "\U0001f600 漢", "x" * 10_000, "\\$"]


def words(figure: Figure) -> list[str]:
    legend = figure.axes[0].get_legend()
    return [text.get_text() for text in legend.get_texts()]


def picture() -> Figure:
    figure = new_figure()
    steps = np.arange(3)
    lines = [Curve(steps, np.ones(3) * i, Role.CONTEXT, name) for i, name in enumerate(NAMES)]
    ax = curves(lines, "".join(NAMES), NAMES[0], log=True, ax=figure.add_subplot())
    ax.annotate(NAMES[0], (0, 0))
    headline(figure, " ".join(NAMES))
    return figure


def test_names_are_drawn_as_they_are_spelled(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = picture()
        (path,) = save_all({"../../evil": lambda: figure}, tmp_path / "p")
    assert path.parent == tmp_path / "p"
    ticks = figure.axes[0].get_yticklabels()
    assert any("mathdefault" in tick.get_text() and tick.get_parse_math() for tick in ticks)  # matplotlib's own
    labels = words(figure)
    assert labels[:4] == ["$\\frac", "x^{$a$", "\\x1b[31m\\u202e", " _hidden"]
    assert len(labels) == len(NAMES)
    assert max(len(label.replace("\n", "")) for label in labels) == LONGEST_LABEL
    assert max(len(line) for label in labels for line in label.split("\n")) <= 60
    assert max(len(ax.get_title(loc="left")) for ax in figure.axes) <= LONGEST_TEXT + 10


def test_a_legend_has_a_bounded_number_of_entries() -> None:
    ax = new_figure().add_subplot()
    for number in range(ENTRIES + 76):
        ax.plot([0], [0], label=f"group {number}")
    finished(ax, "many", "x", "y")
    assert words(ax.figure)[-2:] == [f"group {ENTRIES - 1}", "and 76 more"]
