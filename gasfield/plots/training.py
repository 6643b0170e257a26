"""Panels of training: divergences over the steps, the energies behind them, and densities of student and teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gasfield.plots.style import (
    BELOW,
    CONTEXT,
    INITIAL,
    INK,
    SERIES,
    SIMULATED,
    Values,
    drawn_safely,
    finished,
    new_figure,
    set_limits,
)

_COLUMNS = 3


@dataclass(frozen=True)
class Divergences:
    """Of a group over training: steps (T,), KL(teacher || student) and KL(student || teacher) (T,), and the means of
    both at the end with their errors."""

    name: str
    steps: NDArray[np.int64]
    forward: Values
    reverse: Values
    forward_end: tuple[float, float]
    reverse_end: tuple[float, float]


@dataclass(frozen=True)
class Densities:
    """Of x0: edges (k + 1,) of bins, densities (k,) of teacher and student, and of the student's gas (k/m,) in bins m
    times as wide; recall, precision."""

    name: str
    teacher_name: str
    edges: Values
    teacher: Values
    student: Values
    sample: Values
    recall: float
    precision: float


@drawn_safely
def divergences(parts: Sequence[Divergences], ax: Axes | None = None) -> Axes:
    """Draws both divergences of each group, a panel each; in given axes all of them together."""
    panels = _panels(len(parts)) if ax is None else [ax] * len(parts)
    for panel, part in zip(panels, parts, strict=False):
        label = f"{part.name}: " if ax is not None and len(parts) > 1 else ""
        forward, reverse = (f" → {value:.4g} ± {error:.1g}" for value, error in (part.forward_end, part.reverse_end))
        panel.plot(part.steps, _positive(part.forward), color=INK, label=f"{label}KL(teacher ‖ student){forward}")
        dashed: dict[str, Any] = {"color": SIMULATED, "linestyle": (0, (3.5, 2.0)), "linewidth": 1.8}
        panel.plot(part.steps, _positive(part.reverse), label=f"{label}KL(student ‖ teacher){reverse}", **dashed)
        if np.any(part.forward > 0) or np.any(part.reverse > 0):
            panel.set_yscale("log")
        finished(panel, part.name, "step", "divergence [1]", **BELOW | {"ncols": 1, "bbox_to_anchor": (0.5, -0.2)})
    return panels[0]


@drawn_safely
def densities(parts: Sequence[Densities], ax: Axes | None = None) -> Axes:
    """Draws the densities of x0 of each group beside those of its teacher, a panel each; in given axes the first."""
    panels = _panels(len(parts)) if ax is None else [ax]
    ends = (min(float(part.edges[0]) for part in parts), max(float(part.edges[-1]) for part in parts))
    for panel, part in zip(panels, parts, strict=False):
        inner = slice(1, -1)  # the outer bins hold the tails
        middle = 0.5 * (part.edges[1:] + part.edges[:-1])[inner]
        panel.fill_between(middle, part.teacher[inner], color=INITIAL, alpha=0.35, linewidth=0, label=part.teacher_name)
        wide = part.edges[:: (len(part.edges) - 1) // max(len(part.sample), 1)]
        panel.stairs(part.sample, wide, color=CONTEXT, linewidth=0.8, label="student's gas")
        panel.plot(middle, part.student[inner], color=SIMULATED, linewidth=2.0, label="student's field")
        title = f"{part.name}: recall {part.recall:.2f}, precision {part.precision:.2f}"
        finished(panel, title, "x₀", "density [1/length]")
        set_limits(panel, x=ends)
        panel.set_ylim(0.0, 1.45 * max(float(np.nanmax(part.teacher)), float(np.nanmax(part.student)), 1e-12))
    return panels[0]


@drawn_safely
def cooling(steps: NDArray[np.int64], courses: Mapping[str, Values], sampled: Values, error: Values, name: str) -> Axes:
    """Draws two free energies, which differ by the zero of the energy, beside T KL(data || model), which does not."""
    figure = new_figure(11.0, 4.2)
    left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    lines = {
        "free_energy": "F, zero of E as the forces have it",
        "free_energy_above_lowest": "F, zero of E at its lowest place",
        "data_energy": "⟨E⟩ of the data",
    }
    for colour, (key, label) in zip(SERIES, lines.items(), strict=False):
        left.plot(steps, courses[key], color=colour, label=label)
    finished(left, f"{name}: free energies depend on a zero", "step", "energy")
    right.plot(steps, courses["divergence"], color=INK, linewidth=2.0, label="T KL(data ‖ model), by quadrature")
    dashed: dict[str, Any] = {"color": SIMULATED, "linestyle": (0, (3.5, 2.0)), "linewidth": 1.6}
    right.plot(steps, sampled, label="by the work on the gas, ± 2 standard errors", **dashed)
    right.fill_between(steps, sampled - 2.0 * error, sampled + 2.0 * error, color=SIMULATED, alpha=0.18, linewidth=0)
    right.axhline(0.0, color=INITIAL, linewidth=0.9, linestyle="dotted", zorder=1)
    finished(right, "⟨E⟩ − T S − F of the data in the model falls", "step", "energy")
    return left


def _panels(count: int) -> list[Axes]:
    """Panels side by side, three in a row."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    width = 6.4 if columns == 1 else 4.4 * columns
    axes = new_figure(width, 0.4 + 3.8 * rows).subplots(rows, columns, squeeze=False, sharex=False).ravel()
    for axis in axes[count:]:
        axis.set_visible(False)
    return list(axes[:count])


def _positive(values: Values) -> Values:
    """NaN instead of what a logarithmic axis cannot show."""
    return np.where(values > 0.0, values, np.nan)
