"""The picture of the twin study: what each law does in one field, and predictions beside real trainings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from twin_clouds import NEAR_POWERS_BY_CHANCE
from twin_laws import LAWS
from twin_measures import LABELS, Measure, Recorded, contracted, over, piled, unmoved
from twin_tables import effects, of_law, paired
from twin_training import TRAINED

from gasfield.plots.style import INK, SERIES, dress, headline, new_figure, save

COLOURS = dict(zip(LABELS, SERIES, strict=False))


def draw(runs: Sequence[Recorded], path: Path) -> None:
    """Every law in every field (contraction, rest, powers of two), and the test of the predictions."""
    figure = new_figure(14, 8.5)
    grid = figure.add_gridspec(1, 4, width_ratios=(1, 0.7, 0.7, 1.5))
    first = figure.add_subplot(grid[0])
    panels = [first, *(figure.add_subplot(grid[place], sharey=first) for place in (1, 2))]
    titles = ("Contraction", "Unmoved in a step", "Near a power of two")
    for axes, measure, title in zip(panels, (contracted, unmoved, piled), titles, strict=True):
        _laws(axes, runs, measure)
        dress(axes, title, "per cent", "")
        axes.grid(axis="y", alpha=0.25)
    panels[2].axvline(100 * NEAR_POWERS_BY_CHANCE, color=INK, linewidth=0.8, linestyle=":")
    first.set_yticks(range(len(LAWS)), [law.label for law in LAWS.values()], fontsize=8)
    first.set_ylim(len(LAWS) - 0.4, -0.6)
    first.set_xlim(left=-35)
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    _predictions(figure.add_subplot(grid[3]), runs)
    headline(figure, "The same dead rows under every law, in recorded fields of real trainings")
    save(figure, path)


def _laws(axes: Axes, runs: Sequence[Recorded], measure: Measure) -> None:
    """A dot for each law and field, the mean over seeds, with its standard error."""
    for shift, field in zip((-0.22, 0.0, 0.22), LABELS, strict=True):
        group = of_law(runs, field)
        for place, name in enumerate(LAWS if group else ()):
            values = over(group, partial(_number, name=name, measure=measure))
            axes.errorbar(
                values.mean, place + shift, xerr=values.error, fmt="o", markersize=4, color=COLOURS[field], linewidth=1
            )


def _number(run: Recorded, name: str, measure: Measure) -> float:
    return measure(run.cloud(name), run.steps)


def _predictions(axes: Axes, runs: Sequence[Recorded]) -> None:
    """The effect of changing the law on the contraction: predicted in the field of another training, and real."""
    reach = [0.0]
    for field in LABELS:
        told = False
        for law in TRAINED:
            if law == field or not paired(runs, law, field):
                continue
            predicted, happened = effects(runs, law, field, contracted)
            label = None if told else f"recorded: {LABELS[field]}"
            told = True
            axes.errorbar(
                predicted.mean, happened.mean, xerr=predicted.error, yerr=happened.error, fmt="o", markersize=6,
                color=COLOURS[field], label=label,
            )  # fmt: skip
            axes.annotate(
                law, (predicted.mean, happened.mean), xytext=(5, 4), textcoords="offset points", fontsize=7, color=INK
            )
            reach += [predicted.mean, happened.mean]
    ends = np.array([min(reach) - 4, max(reach) + 4])
    axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=":")
    dress(
        axes, "Change of the law: predicted and trained", "predicted change of the contraction [points of per cent]",
        "change in real training [points of per cent]",
    )  # fmt: skip
    if reach != [0.0]:
        axes.legend(fontsize=8, frameon=False, loc="upper left")
