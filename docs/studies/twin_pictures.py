"""The picture of the twin study: what each law does in one field, and predictions beside real trainings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from precision_effects import OverSeeds
from twin_clouds import NEAR_POWERS_BY_CHANCE
from twin_laws import LAWS
from twin_measures import LABELS, Measure, Recorded, contracted, over, piled, unmoved
from twin_tables import BASE, checks, mixed_numbers, of_law, paired
from twin_training import MIXED, MIXED_NAME, TRAINED

from gasfield.plots.style import INK, SERIES, dress, headline, new_figure, save

BELOW = ("kahan", "stochastic-all", "coupled")
"""Names that are written below their points, where others are above theirs."""
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
    first.set_xlim(left=-35)  # stochastic float8 is far outside, which the headline says
    keys = [
        Line2D([], [], color=COLOURS[field], marker="o", linestyle="", label=name) for field, name in LABELS.items()
    ]
    first.legend(handles=keys, title="field of", fontsize=7, title_fontsize=7, frameon=False, loc="upper left")
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    _predictions(figure.add_subplot(grid[3]), runs)
    headline(
        figure,
        "The same dead rows under every law, in recorded fields of real trainings (stochastic float8: −55 to −110%)",
    )
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
    """How far the cloud contracts under another law, predicted from the recording of a training, and in training: of
    rows that alone have the other law (filled), and of trainings in which all weights have it (open)."""
    reach = [0.0]

    def mark(predicted: OverSeeds, happened: OverSeeds, name: str, **style: str) -> None:
        axes.errorbar(
            predicted.mean, happened.mean, xerr=predicted.error, yerr=happened.error, markersize=7, linewidth=1, **style
        )
        at, away = (
            (predicted.mean, happened.mean),
            {"xytext": (6, 5 - 13 * (name in BELOW)), "textcoords": "offset points"},
        )
        axes.annotate(name, at, fontsize=8, color=INK, **away)
        reach.extend(at)

    if of_law(runs, MIXED_NAME):
        for law in MIXED:
            predicted, _, happened = mixed_numbers(runs, law, contracted)
            mark(predicted, happened, law, fmt="o", color=SERIES[1])
    for law in TRAINED:
        if law != BASE and paired(runs, law, BASE):
            predicted, happened = checks(runs, law, contracted)
            mark(predicted, happened, law, fmt="s", color=SERIES[2], markerfacecolor="white")
    ends = np.array([min(reach) - 3, max(reach) + 5])
    axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=":")
    dress(axes, "Predicted and trained", "contraction, predicted [per cent]", "contraction in training [per cent]")
    kinds = {"o": ("only these rows have the law", SERIES[1]), "s": ("all weights have it", "white")}
    keys = [
        Line2D([], [], marker=marker, color=SERIES[1] if marker == "o" else SERIES[2], markerfacecolor=face,
               linestyle="", label=label)
        for marker, (label, face) in kinds.items()
    ]  # fmt: skip
    axes.legend(handles=keys, fontsize=8, frameon=False, loc="upper left")
