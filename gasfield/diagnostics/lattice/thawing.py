"""Thawing: rows that move again after a pause, and times at which the share of unmoved rows falls.

A row *thaws* where it moves again after a pause of some length between two of its motions. A *reheat* is an event of
the whole group: the share of rows that are unmoved in a step falls, after a peak, by more than its error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Values = NDArray[np.float64]
_CHANCE = 0.05
"""Probability that a series of independent, identically distributed shares shows a reheat."""


@dataclass(frozen=True)
class Thaws:
    """Pauses between two motions of each row.

    Attributes:
        count: (N,) pauses that were long enough, each of which ended in a thaw.
        longest: (N,) the longest of them [steps]; 0 for a row without.
    """

    count: NDArray[np.int64]
    longest: NDArray[np.int64]


@dataclass(frozen=True)
class Reheat:
    """A fall of the unmoved share.

    Attributes:
        start, end: steps at which the intervals end that are its peak and its bottom.
        size: how far the share falls.
        error: its standard error, of two independent samples.
    """

    start: int
    end: int
    size: float
    error: float


def find_thaws(moved: NDArray[np.bool_], steps: NDArray[np.int64], shortest: int) -> Thaws:
    """The pauses of rows from flags (T - 1, N) of motion in the intervals between steps (T,).

    Before its first motion a row does not pause, and after its last one it is frozen.

    Args:
        moved: whether the row moved in the interval.
        steps: step of each frame.
        shortest: steps without motion from which on a pause counts.
    """
    pauses = Pauses(moved.shape[1], shortest)
    for interval, now in enumerate(moved):
        pauses.add(now, int(steps[interval]), int(steps[interval + 1]))
    return pauses.thaws


class Pauses:
    """The pauses of rows, found while intervals pass one after the other; see `find_thaws`.

    Attributes:
        thaws: so far.
    """

    def __init__(self, rows: int, shortest: int) -> None:
        """Nothing has moved yet."""
        self.thaws = Thaws(np.zeros(rows, np.int64), np.zeros(rows, np.int64))
        self._shortest, self._rest = shortest, np.full(rows, -1)  # step at which the last motion so far ended

    def add(self, moved: NDArray[np.bool_], start: int, end: int) -> None:
        """Which rows (N,) moved between two steps."""
        pause = np.where(moved & (self._rest >= 0), start - self._rest, 0)
        thawed = pause >= self._shortest
        self.thaws.count[thawed] += 1
        np.maximum(self.thaws.longest, np.where(thawed, pause, 0), out=self.thaws.longest)
        self._rest[moved] = end


def find_reheats(unmoved: Values, steps: NDArray[np.int64], rows: int) -> list[Reheat]:
    """The falls of a share (T - 1,) of a number of rows in the intervals that end at steps (T - 1,).

    From a peak to a bottom: a fall begins where the share is significantly below the highest since the last fall, and
    ends where it is significantly above the lowest. Two shares differ significantly if their distance is more than z
    pooled errors sqrt(2 p (1 - p) / N), p being their mean. As every pair of intervals could show a fall, z is such
    that by chance one would be seen among all pairs in one series of twenty (Bonferroni). Rows count as independent
    samples; z is 4.9 for 500 intervals.
    """
    threshold = -float(ndtri(_CHANCE / max(len(unmoved) * (len(unmoved) - 1) / 2, 1)))
    found: list[Reheat] = []
    peak = bottom = 0  # where they are
    falling = False
    for here in range(1, len(unmoved)):
        if not falling:
            if unmoved[here] > unmoved[peak]:
                peak = here
            elif _significant(unmoved[peak], unmoved[here], rows, threshold):
                falling, bottom = True, here
        elif unmoved[here] < unmoved[bottom]:
            bottom = here
        elif _significant(unmoved[here], unmoved[bottom], rows, threshold):
            found.append(_reheat(unmoved, steps, rows, peak, bottom))
            falling, peak = False, here
    if falling:
        found.append(_reheat(unmoved, steps, rows, peak, bottom))
    return found


def _pooled_error(high: float, low: float, rows: int) -> float:
    middle = 0.5 * (high + low)
    return float(np.sqrt(2.0 * middle * (1.0 - middle) / rows))


def _significant(high: float, low: float, rows: int, threshold: float) -> bool:
    return bool(high - low > threshold * _pooled_error(high, low, rows))


def _reheat(unmoved: Values, steps: NDArray[np.int64], rows: int, peak: int, bottom: int) -> Reheat:
    high, low = float(unmoved[peak]), float(unmoved[bottom])
    return Reheat(int(steps[peak]), int(steps[bottom]), high - low, _pooled_error(high, low, rows))
