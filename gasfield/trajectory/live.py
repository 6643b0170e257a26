"""What a recording holds of live rows besides their motion: how often they occurred, and parts of their gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.trajectory import schema
from gasfield.trajectory.content import Series
from gasfield.trajectory.reader import Trajectory

GROUP = "live"
"""The group of which it is kept."""


@dataclass(frozen=True)
class LiveRecord:
    """The record of n live rows. The file must be open.

    Attributes:
        trajectory: the recording.
        columns: (n,) their places among all its live rows.
    """

    trajectory: Trajectory
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, trajectory: Trajectory, rows: NDArray[np.int64]) -> Self | None:
        """That of some rows of a trajectory; None where they are not counted, or not all of them are live."""
        if not trajectory.counts_live_rows or GROUP not in trajectory.names:
            return None
        members = trajectory.members(GROUP)
        columns = np.searchsorted(members, rows)
        if not len(rows) or not np.array_equal(members[np.minimum(columns, len(members) - 1)], rows):
            return None
        return cls(trajectory, columns)

    def of_rows(self, rows: Any) -> Self:
        """That of some of the rows, by index or by flag."""
        return replace(self, columns=self.columns[rows])

    def occurrences(self, start: int, stop: int) -> NDArray[np.int64]:
        """(n,) how often each token occurred at the counted steps from `start` to before `stop`: the positions whose
        target it was, or, if that is more, those whose input it was in a tied matrix. In a window of a text every token
        is both, but for the first, which is an input only, and the last."""
        counts = (self.trajectory.live_count(name) for name in schema.COUNTS)
        within = (each.values[(each.steps >= start) & (each.steps < stop)].sum(axis=0) for each in counts)
        return np.asarray(np.maximum(*within), np.int64)[self.columns]

    @property
    def has_parts(self) -> bool:
        """Whether the gradients are recorded, as a whole and in parts."""
        return self.trajectory.has_parts

    def gradient(self) -> Series:
        """The gradients as the optimiser received them: values (S, n, D)."""
        return self._of(self.trajectory.live_gradients())

    def part(self, name: str) -> Series:
        """A part of them (`push`, `pull`, `input`): values (S, n, D)."""
        return self._of(self.trajectory.live_part(name))

    def _of(self, series: Series) -> Series:
        return Series(series.steps, series.times, series.values[:, self.columns])
