"""One look for every picture: what is real is dark and solid, what is simulated bright and dashed.

Figures are made and saved object by object, without pyplot and without a change of matplotlib's settings, so that a
program that plots for itself finds them as it left them. Series have the colours of Okabe and Ito, which colour-blind
readers can tell apart; real and simulated differ in lightness and dash as well.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure

INK = "#22223b"
SIMULATED = "#e8590c"
CONTEXT = "#0072b2"
INITIAL = "#8d8d99"
SERIES = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""For things side by side that are neither real nor simulated."""
SHADES = ("#dfe3e8", "#a9bdd1", "#5b8db8", "#1f4e79", "#e69f00")
"""For ordered classes, light to dark; the last is for what is out of the ordinary."""
DPI = 150


class Role(Enum):
    """What a line stands for; its colour and dash follow."""

    REAL = "real"
    SIMULATED = "simulated"
    CONTEXT = "context"
    INITIAL = "initial"

    @property
    def colour(self) -> str:
        """The colour of lines and markers."""
        return {Role.REAL: INK, Role.SIMULATED: SIMULATED, Role.CONTEXT: CONTEXT, Role.INITIAL: INITIAL}[self]

    @property
    def line(self) -> dict[str, Any]:
        """Keywords of a line: a bright dashed one is drawn over a dark solid one, and both are seen."""
        dashed = self is Role.SIMULATED
        return {
            "color": self.colour,
            "linestyle": (0, (3.5, 2.0)) if dashed else "solid",
            "linewidth": 1.8 if dashed else 2.0,
            "zorder": 4 if dashed else 3,
        }


def new_figure(width: float = 6.4, height: float = 4.2) -> Figure:
    """An empty figure [inches] with a canvas that draws PNG anywhere."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def axes_or_new(ax: Axes | None) -> Axes:
    """The given axes, or those of a new figure."""
    return new_figure().add_subplot() if ax is None else ax


def dress(ax: Axes, title: str, x_label: str, y_label: str) -> None:
    """Title at the left, labels with units, two spines and a faint grid."""
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK)
    ax.set_xlabel(x_label, fontsize=10, color=INK)
    ax.set_ylabel(y_label, fontsize=10, color=INK)
    ax.tick_params(labelsize=9, colors=INK)
    ax.grid(True, color="#e6e6ec", linewidth=0.7)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#8d8d99")


def headline(figure: Figure, text: str) -> None:
    """A title over all panels, broken where the figure ends."""
    characters = int(10 * figure.get_figwidth())
    figure.suptitle(fill(text, characters), x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)


def legend(ax: Axes, **keywords: Any) -> None:
    """A legend where it hides least, if anything has a label."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(**{"fontsize": 9, "frameon": True, "framealpha": 0.85, "edgecolor": "none", "loc": "best"} | keywords)


def save(figure: Figure | SubFigure, path: Path) -> Path:
    """Writes a PNG, whole or not at all, and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = figure if isinstance(figure, Figure) else figure.get_figure(root=True)
    partial = path.with_name(f".{path.name}.partial")
    whole.savefig(partial, dpi=DPI, format="png")
    os.replace(partial, path)
    return path
