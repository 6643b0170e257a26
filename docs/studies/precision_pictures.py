"""The pictures of the precision study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from precision_effects import CAUSES, OverSeeds, contraction, frozen
from precision_replays import Cloud

from gasfield.plots.style import INK, SERIES, dress, headline, new_figure, save

if TYPE_CHECKING:
    from precision_tables import Run

COLOURS = {"bf16": SERIES[0], "bf16-fp32state": SERIES[1], "fp32": SERIES[2]}
NAMES = {"bf16": "bf16", "bf16-fp32state": "bf16, fp32 state", "fp32": "fp32"}
WINDOW, QUIET = 50, 500


def draw_freezing(runs: Sequence[Run], path: Path) -> None:
    """Real runs, a thin line for each: radius, rows unmoved in a step, last motions; and the second moment."""
    figure = new_figure(11, 7)
    radius, unmoved, stopped, second = figure.subplots(2, 2).ravel()
    for run in runs:
        cloud, style = run.real, {"color": COLOURS[run.precision], "linewidth": 1.1, "alpha": 0.9}
        steps = np.arange(len(cloud["radius"]))
        radius.plot(steps, cloud["radius"], **style)
        smooth = np.convolve(cloud["unmoved"], np.ones(WINDOW) / WINDOW, "valid")
        unmoved.plot(np.arange(WINDOW, WINDOW + len(smooth)), smooth, **style)
        ordered = np.sort(cloud["last_motion"][-1])
        stopped.step(np.append(ordered, steps[-1]), np.arange(len(ordered) + 1) / len(ordered), where="pre", **style)
        second.plot(cloud["survey"][1:], cloud["second_moment"][1:], **style)
    dress(radius, "On bf16 weights the cloud contracts early", "training step", "mean radius [length]")
    dress(
        unmoved, f"Standing still is not freezing (mean of {WINDOW} steps)", "training step", "rows unmoved in a step"
    )
    dress(stopped, "All in bf16: each row moves a last time", "training step", "rows with no motion later")
    stopped.set_xlim(radius.get_xlim())
    dress(second, "A bf16 second moment stays where it is", "training step", "mean v [(energy/length)²]")
    for axes in (unmoved, stopped):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    second.set_yscale("log")
    second.set_ylim(bottom=5e-12)
    _key(radius, [run.precision for run in runs], loc="lower left")
    headline(figure, "All dead rows of real trainings that differ in rounding, a line for each seed")
    save(figure, path)


def draw_effects(runs: Sequence[Run], path: Path) -> None:
    """What each cause changes in replays: a dot for each seed, a bar for the mean and its 95% interval."""
    figure = new_figure(12, 6)
    left, right = figure.subplots(1, 2, sharey=True)
    _effects(left, runs, contraction)
    _effects(right, runs, lambda cloud: frozen(cloud, QUIET))
    dress(left, "On the contraction", "points of per cent of the first radius", "")
    dress(right, f"On freezing (no motion in the last {QUIET} steps)", "points of per cent of the rows", "")
    left.set_yticks(range(len(CAUSES)), list(CAUSES))
    left.invert_yaxis()
    _key(right, [run.precision for run in runs], loc="center", title="field of")
    headline(figure, "The same rows in the same recorded field: what one cause changes")
    save(figure, path)


def _effects(axes: Axes, runs: Sequence[Run], measure: Callable[[Cloud], float]) -> None:
    axes.axvline(0.0, color=INK, linewidth=0.8)
    present = list(dict.fromkeys(run.precision for run in runs))
    for shift, precision in zip(np.linspace(-0.24, 0.24, len(present)), present, strict=True):
        found = [run.outcomes(measure) for run in runs if run.precision == precision]
        for place, effect in enumerate(CAUSES.values()):
            values = OverSeeds(tuple(effect(numbers) for numbers in found))
            at, colour = place + shift, COLOURS[precision]
            reach = 0.0 if np.isnan(values.half_width) else values.half_width
            axes.plot([values.mean - reach, values.mean + reach], [at, at], color=colour, linewidth=5, alpha=0.25)
            axes.plot(values.values, [at] * len(values.values), "o", color=colour, markersize=4)


def _key(axes: Axes, precisions: Sequence[str], **options: Any) -> None:
    """Colours and what they stand for."""
    lines = [
        Line2D([], [], color=COLOURS[precision], label=NAMES[precision]) for precision in dict.fromkeys(precisions)
    ]
    axes.legend(handles=lines, fontsize=9, frameon=False, **options)
