"""How far rows move from one frame to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import median, missing

_KEPT = 1 << 22
"""Most lengths kept for the figure; of more, those of evenly spaced rows."""


@dataclass(frozen=True, kw_only=True)
class StepLengthResult(Result):
    """Step lengths |x_{t+1} - x_t| over time; an interval is named by the frame in which it ends.

    Attributes:
        steps: (T - 1,) step at the end of each interval.
        lengths: (T - 1, n) distance moved by each row [length per `interval`]; of fewer rows where all of them would be
            more than 4 million lengths. Where intervals differ, divided by the steps of each.
        median, mean: (T - 1,) over rows.
        low, high: (T - 1,) the 10th and the 90th percentile of the rows.
        interval: the time from one frame to the next, in words; "step" where intervals differ.

    Keys: `step_length.start` and `step_length.end`, medians over rows in the first and the last interval, and
    `step_length.median`, the median over rows of each row's median over all intervals. The last one is not the pooled
    median, because the intervals of one row are not independent samples, as its error would assume.
    """

    steps: NDArray[np.int64]
    lengths: Values
    median: Values
    mean: Values
    low: Values
    high: Values
    interval: str

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {
            "median": (self.median, "length"),
            "mean": (self.mean, "length"),
            "low": (self.low, "length"),
            "high": (self.high, "length"),
        }

    def draw(self, ax: Axes | None = None) -> Axes:
        """Each row's step length over time as a thin line, their median as a thick one; logarithmic."""
        from gasfield.plots.rows import bundle

        label = f"step length [length per {self.interval}]"
        return bundle(self.steps, self.lengths, f"{self.group}: how far a row moves in a {self.interval}", label, ax)


@register
class StepLength(Diagnostic[StepLengthResult]):
    """Step lengths of the rows of a group."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("step_length.end", "step_length.start")

    kind: Literal["step_length"] = "step_length"

    def measure(self, group: Group, notes: list[str]) -> StepLengthResult:
        """The results for one group."""
        intervals, unit, per = max(len(group.steps) - 1, 0), _unit(group), _steps_per_interval(group)
        estimates = dict.fromkeys(("step_length.start", "step_length.median", "step_length.end"), missing(unit))
        low, middle, high, average = np.full((4, intervals), np.nan)
        shown = spread_over(group.count, max(1, _KEPT // max(intervals, 1)))
        lengths = np.zeros((intervals, len(shown)))
        if lengths.size:
            for span, distances in _moved(group):
                moved = distances / per[span, None]
                low[span], middle[span], high[span] = np.quantile(moved, [0.1, 0.5, 0.9], axis=1)
                average[span], lengths[span] = moved.mean(axis=1), moved[:, shown]
            estimates = {
                "step_length.start": median(_norms(group.places(slice(0, 2)))[0] / per[0], unit),
                "step_length.median": median(_own_medians(group, lengths, per), unit),
                "step_length.end": median(_norms(group.places(slice(-2, None)))[0] / per[-1], unit),
            }
        else:
            notes.append("no row is present in two frames: step lengths are undefined")
        if _differ(group):
            notes.append("frames are unequally far apart: a length is the net distance in an interval over its steps")
        elif group.interval != "step":
            notes.append(f"frames are more than one step apart: a length is the net distance per {group.interval}")
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
            interval="step" if _differ(group) else group.interval,
        )


def _norms(x: Values) -> Values:
    """(t - 1, n) distance that each row moves between successive frames of (t, n, D)."""
    norms: Values = np.linalg.norm(np.diff(x, axis=0), axis=2)
    return norms


def _moved(group: Group) -> Iterator[tuple[slice, Values]]:
    """Intervals, and the distances (t, N) that rows move in them, a block of frames at a time."""
    for frames, x in group.blocks(overlap=1):
        yield slice(frames.start, frames.stop - 1), _norms(x)


def _own_medians(group: Group, lengths: Values, per: Values) -> Values:
    """(N,) the median over all intervals of each row; `lengths` are those of all rows, or of some, and `per` (T - 1,)
    what distances are divided by."""
    if lengths.shape[1] == group.count:
        return np.asarray(np.median(lengths, axis=0))
    return np.concatenate(
        [np.median(_norms(group.places(rows=rows)) / per[:, None], axis=0) for rows in group.row_blocks()]
    )


def _differ(group: Group) -> bool:
    """Whether some frames are farther apart than others."""
    return len(set(group.spacings.tolist())) > 1


def _steps_per_interval(group: Group) -> Values:
    """(T - 1,) what distances are divided by: the steps of each interval where they differ, else 1."""
    return group.spacings.astype(np.float64) if _differ(group) else np.ones(len(group.spacings))


def _unit(group: Group) -> str:
    if _differ(group):
        return "length per step"
    return "length" if group.interval == "step" else f"length per {group.interval}"
