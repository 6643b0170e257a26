"""Which rows and frames of a trajectory are shown, and from which side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.repeats import distinct_frames
from gasfield.errors import InputError
from gasfield.trajectory import Trajectory
from gasfield.viewing.projection import Wanted


@dataclass(frozen=True)
class Choice:
    """What of a trajectory is shown.

    Attributes:
        projection: see `Projection.of`.
        groups: names of the groups; all if left out.
        frames: the most frames, evenly spaced; all if left out.
        rows: the most rows, evenly spaced; those with bonds stay. All if left out.
    """

    projection: Wanted = "all"
    groups: Sequence[str] | None = None
    frames: int | None = None
    rows: int | None = None

    def rows_and_frames(self, trajectory: Trajectory) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the rows and frames; those that repeat a checkpoint are left out.

        Raises:
            InputError: if a group does not exist, or a number is too small.
        """
        for name in ("frames", "rows"):
            given = getattr(self, name)
            if given is not None and given < 1:
                raise InputError("must be at least 1.", parameter=name, value=given)
        chosen = dict.fromkeys(self.groups or trajectory.names)
        rows = np.sort(np.concatenate([trajectory.members(name) for name in chosen]))
        if self.rows is not None:
            rows = _thinned(rows, self.rows, trajectory)
        if not len(rows):
            raise InputError(f"{trajectory.path}: there are no rows to show.", parameter="groups")
        frames, _ = distinct_frames(trajectory)
        return rows, frames if self.frames is None else _even(frames, self.frames)

    def group_of(self, trajectory: Trajectory) -> Group:
        """They as one group, with a note on frames that are left out.

        Raises:
            InputError: as `rows_and_frames`.
        """
        rows, frames = self.rows_and_frames(trajectory)
        return replace(group_of(trajectory, "shown", rows, frames), notes=distinct_frames(trajectory)[1])


def _thinned(rows: NDArray[np.int64], most: int, trajectory: Trajectory) -> NDArray[np.int64]:
    bonded = np.isin(
        rows, np.concatenate([np.empty(0, np.int64), *(ends.ravel() for ends in trajectory.bonds.values())])
    )
    return np.sort(np.concatenate([rows[bonded], _even(rows[~bonded], most)]))


def _even(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of some values, evenly spaced, the first and the last among them."""
    return values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(np.int64))]
