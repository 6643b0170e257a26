"""Pictures of sampled tokens: frequencies over exact probabilities, and what each processor does to the law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gasfield.plots.style import CONTEXT, INITIAL, INK, SERIES, drawn_safely, finished, headline, new_figure
from gasfield.printable import shortened

Array = NDArray[np.float64]


@drawn_safely
def ranked(model: Array, law: Array, frequency: Array | None, ax: Axes) -> Axes:
    """Draws probabilities by rank: the model's (V,), the law drawn from (V,) in the model's order, and frequencies."""
    order = np.argsort(-model, kind="stable")
    rank = np.arange(1, model.size + 1)
    ax.loglog(rank, model[order], color=INITIAL, linewidth=1.5, label="model, T = 1")
    allowed = law[order] > 0.0
    ax.loglog(rank[allowed], law[order][allowed], color=INK, linewidth=1.5, label="drawn from")
    if frequency is not None:
        seen = frequency[order] > 0.0
        ax.loglog(rank[seen], frequency[order][seen], ".", color=CONTEXT, markersize=4, label="drawn")
    smallest = 1.0 if frequency is None else float(frequency[frequency > 0.0].min())
    ax.set_ylim(min(smallest / 10.0, 1e-6), 2.0)
    return finished(ax, "", "rank of the token under the model", "probability")


@drawn_safely
def removed(names: Sequence[str], entropy: Array, free_energy: Array, ax: Axes) -> Axes:
    """Draws what each processor takes of the entropy and adds to the free energy."""
    at = np.arange(len(names))
    ax.barh(at - 0.18, entropy, 0.34, color=SERIES[0], label="entropy removed [nats]")
    ax.barh(at + 0.18, free_energy, 0.34, color=SERIES[4], label="free energy [kT]")
    ax.axvline(0.0, color=INK, linewidth=1.0)
    ax.set_yticks(at, [shortened(name) for name in names], parse_math=False)
    ax.invert_yaxis()
    return finished(ax, "", "nats, or kT of the stage", "")


def law(sample: Any) -> Figure:
    """The law of the next token before and after the chain, and what was drawn."""
    figure = new_figure()
    headline(figure, f"{sample.context.name}: {sample.context.label}")
    frequency = None if sample.counts is None else sample.counts / sample.count
    ranked(sample.model, sample.law, frequency, figure.add_subplot())
    return figure


def stages(sample: Any) -> Figure:
    """What each processor does to the law of the next token."""
    figure = new_figure(6.4, 1.6 + 0.6 * len(sample.stages))
    headline(figure, f"What the processors of {sample.profile} do to the next token")
    names = [stage.processor.kind for stage in sample.stages]
    entropy = np.array([stage.entropy_removed for stage in sample.stages])
    removed(names, entropy, np.array([stage.free_energy for stage in sample.stages]), figure.add_subplot())
    return figure
