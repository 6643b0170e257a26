"""How far each row went, and since when it rests: one pass over the frames, with a few arrays of the size of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.lattice.freezing import rows_moved
from gasfield.diagnostics.lattice.thawing import Pauses, Thaws
from gasfield.trajectory import Trajectory
from gasfield.trajectory.selection import Selection

Values = NDArray[np.float64]
Steps = NDArray[np.int64]
Progress = Callable[[int], None]
COPIES = 6
"""Arrays of the size of a frame, in float64, that a pass holds besides the frames that it reads."""


@dataclass(frozen=True)
class Travel:
    """The motion of N rows between the first and the last frame in which each has a position.

    Attributes:
        first_step, last_step: (N,) those frames; -1 for a row that never has a position.
        first, last: (N, D) positions in them [length]; NaN for such a row.
        path: (N,) sum of the distances between frames [length].
        last_motion: (N,) step of the frame from which on no bit of the row changes.
        thaws: how often each row moved again after a pause, and its longest pause.
    """

    first_step: Steps
    last_step: Steps
    first: Values
    last: Values
    path: Values
    last_motion: Steps
    thaws: Thaws

    @property
    def displacement(self) -> Values:
        """(N,) distance of the last position from the first [length]."""
        return np.asarray(np.linalg.norm(self.last - self.first, axis=1))

    def own_displacement(self, groups: Steps) -> Values:
        """(N,) length of the displacement without the mean displacement of the group, groups (N,) as numbers
        [length]."""
        moved = self.last - self.first
        own = np.full(len(moved), np.nan)
        for group in np.unique(groups):
            rows = np.flatnonzero((groups == group) & (self.first_step >= 0))
            if len(rows):
                own[rows] = np.linalg.norm(moved[rows] - moved[rows].mean(axis=0), axis=1)
        return own

    def frozen_since(self, quiet: float) -> Steps:
        """(N,) the step of the last motion of rows that have not moved during the last share `quiet` of the time in
        which they have positions; -1 for others, and for rows that have a position in one frame only.

        As in the diagnostic `freezing`, with the horizon of each row.
        """
        seen = self.last_step - self.first_step
        frozen = (self.last_motion <= self.last_step - quiet * seen) & (seen > 0)
        return np.where(frozen, self.last_motion, -1)


def travel(trajectory: Trajectory, selection: Selection, quiet_steps: int, progress: Progress) -> Travel:
    """The motion of the rows of a selection; bits are compared in the numbers of the file.

    Args:
        trajectory: open.
        selection: frames and rows.
        quiet_steps: fewest steps without motion between two motions for a thaw to be counted.
        progress: called with the number of frames done.
    """
    count, axes = len(selection.rows), trajectory.dimensions
    first_step, last_step, last_motion = np.full((3, count), -1, np.int64)
    first, path = np.full((count, axes), np.nan), np.zeros(count)
    before: NDArray[np.floating[Any]] = np.full((count, axes), np.nan, trajectory.number_type)
    pauses, previous = Pauses(count, quiet_steps), -1
    for done, (step, places, here) in enumerate(frames_of(trajectory, selection), 1):
        new = here & (first_step < 0)
        first[new], first_step[new], last_motion[new] = places[new], step, step
        again = here & ~new
        path[again] += np.linalg.norm(places[again].astype(np.float64) - before[again], axis=1)
        moved = again & rows_moved(np.stack([before, places]))[0]
        if previous >= 0:
            pauses.add(moved, previous, step)
        last_motion[moved] = step
        before = np.where(here[:, None], places, before)
        last_step[here], previous = step, step
        progress(done)
    return Travel(first_step, last_step, first, before.astype(np.float64), path, last_motion, pauses.thaws)


def frames_of(
    trajectory: Trajectory, selection: Selection
) -> Iterator[tuple[int, NDArray[np.floating[Any]], NDArray[np.bool_]]]:
    """Frame after frame: its step, positions (N, D), and which rows (N,) are there and have a finite one."""
    for piece in selection.pieces(trajectory):
        for step, places in zip(piece.steps.tolist(), piece.positions, strict=True):
            yield step, places, trajectory.there(step)[selection.rows] & np.isfinite(places).all(axis=1)
