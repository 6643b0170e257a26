"""How far rows move from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import median, missing


@dataclass(frozen=True, kw_only=True)
class StepLengthResult(Result):
    """Step lengths |x_{t+1} - x_t| over time; an interval is named by the frame in which it ends.

    Attributes:
        steps: (T - 1,) step at the end of each interval.
        lengths: (T - 1, N) distance moved by each row [length per `interval`].
        median, mean: (T - 1,) over rows.
        low, high: (T - 1,) the 10th and the 90th percentile of the rows.
        interval: the time from one frame to the next, in words.

    Keys: `step_length.start` and `step_length.end`, medians over rows in the first and the last interval, and
    `step_length.median`, the median over rows of each row's median over all intervals. The last one is not the pooled
    median, because the intervals of one row are no independent draws and its error would pretend that they are.
    """

    steps: NDArray[np.int64]
    lengths: Values
    median: Values
    mean: Values
    low: Values
    high: Values
    interval: str

    def plot(self, ax: Axes | None = None) -> Axes:
        """Each row's step length over time as a thin line, their median as a thick one; logarithmic."""
        from gasfield.plots.rows import bundle

        label = f"step length [length per {self.interval}]"
        return bundle(self.steps, self.lengths, f"{self.group}: how far a row moves in a {self.interval}", label, ax)


@register
class StepLength(Diagnostic[StepLengthResult]):
    """Step lengths of the rows of a group."""

    needs_motion: ClassVar[bool] = True

    kind: Literal["step_length"] = "step_length"

    def measure(self, group: Group, notes: list[str]) -> StepLengthResult:
        """The results for one group."""
        lengths = step_lengths(group)
        unit = _unit(group)
        estimates = dict.fromkeys(("step_length.start", "step_length.median", "step_length.end"), missing(unit))
        low = middle = high = average = np.full(len(lengths), np.nan)
        if lengths.size:
            low, middle, high = np.quantile(lengths, [0.1, 0.5, 0.9], axis=1)
            average = lengths.mean(axis=1)
            estimates = {
                "step_length.start": median(lengths[0], unit),
                "step_length.median": median(np.median(lengths, axis=0), unit),
                "step_length.end": median(lengths[-1], unit),
            }
        else:
            notes.append("no row is present in two frames: step lengths are undefined")
        if group.interval != "step":
            notes.append(f"frames are not one step apart: a length is the net distance per {group.interval}")
        return StepLengthResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            steps=group.steps[1:],
            lengths=lengths,
            median=middle,
            mean=average,
            low=low,
            high=high,
            interval=group.interval,
        )


def step_lengths(group: Group) -> Values:
    """(T - 1, N) distance that each row moves between successive frames [length]."""
    lengths = np.zeros((max(len(group.steps) - 1, 0), group.count))
    for frames, x in group.blocks(overlap=1):
        lengths[frames.start : frames.stop - 1] = np.linalg.norm(np.diff(x, axis=0), axis=2)
    return lengths


def _unit(group: Group) -> str:
    return "length" if group.interval == "step" else f"length per {group.interval}"
